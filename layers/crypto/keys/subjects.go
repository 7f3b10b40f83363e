package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/metaxy-go/metaxy/core"
)

// Subjects keeps one random secret for each subject (a person, say) in a file,
// until it is shredded. Values under that secret are then unreadable wherever
// they are, for everybody, in backups of the store too.
//
// The file names no subject: a line holds a keyed hash and the secret,
// encrypted under the ring. One process at a time may write it. Backups of this
// file undo a shredding, so keep few and short.
type Subjects struct {
	path string

	mu   sync.Mutex
	ring *Ring // that decrypted known
	held map[string]line
	open map[string]string // plain secrets
}

// line is one subject. Without a secret it was shredded.
type line struct {
	Subject string `json:"s"`
	Key     uint32 `json:"k,omitempty"`
	Secret  []byte `json:"e,omitempty"`
}

// OpenSubjects opens the file, or begins it if it is not there.
func OpenSubjects(path string) (*Subjects, error) {
	s := &Subjects{path: path, held: map[string]line{}, open: map[string]string{}}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the file of subjects cannot be read", core.ErrUnavailable)
	}
	for raw := range bytes.Lines(text) {
		if !bytes.HasSuffix(raw, []byte("\n")) {
			break // the last write did not finish, so nothing was encrypted with it
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("%w: the file of subjects cannot be read", core.ErrIntegrity)
		}
		s.held[l.Subject] = l
	}
	if n := bytes.LastIndexByte(text, '\n') + 1; n < len(text) {
		if err := os.Truncate(path, int64(n)); err != nil {
			return nil, fmt.Errorf("%w: the file of subjects cannot be written", core.ErrUnavailable)
		}
	}
	return s, nil
}

// String tells where the file is.
func (s *Subjects) String() string { return "subjects " + s.path }

// GoString is String.
func (s *Subjects) GoString() string { return s.String() }

const purposeSubject = "subject"

func hashOf(ring *Ring, subject string) (string, error) {
	h, err := ring.Version(Scope{Purpose: purposeSubject}, []byte(subject))
	return hex.EncodeToString(h), err
}

// Secrets gives the secrets of subjects; with create it makes and durably keeps
// those that are missing before it returns.
func (s *Subjects) Secrets(ctx context.Context, ring *Ring, subjects []string, create bool) ([]string, []error, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring != ring {
		clear(s.open)
		s.ring = ring
	}
	secrets, errs := make([]string, len(subjects)), make([]error, len(subjects))
	var fresh []line
	for i, subject := range subjects {
		name, err := hashOf(ring, subject)
		if err != nil {
			return nil, nil, err
		}
		l, held := s.held[name]
		switch {
		case held && len(l.Secret) == 0:
			errs[i] = ErrShredded
		case held:
			secrets[i], errs[i] = s.decrypt(ring, name, l)
		case create:
			if l, secrets[i], err = seal(ring, name, ""); err != nil {
				return nil, nil, err
			}
			s.held[name] = l
			fresh = append(fresh, l)
		}
	}
	if err := s.keep(fresh); err != nil {
		for _, l := range fresh {
			delete(s.held, l.Subject)
		}
		return nil, nil, err
	}
	return secrets, errs, nil
}

func (s *Subjects) decrypt(ring *Ring, name string, l line) (string, error) {
	if secret, ok := s.open[name]; ok {
		return secret, nil
	}
	c, err := ring.Cipher(XChaCha20Poly1305, l.Key, Scope{Purpose: purposeSubject})
	if err != nil {
		return "", err
	}
	secret, err := c.Decrypt(l.Secret, []byte(name))
	if err != nil {
		return "", fmt.Errorf("%w: the secret of a subject was changed", core.ErrIntegrity)
	}
	if len(s.open) >= cacheLimit {
		clear(s.open)
	}
	s.open[name] = string(secret)
	return string(secret), nil
}

// seal encrypts a secret, a fresh one when it is "".
func seal(ring *Ring, name, secret string) (line, string, error) {
	if secret == "" {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return line{}, "", err
		}
		secret = string(b)
	}
	c, err := ring.Cipher(XChaCha20Poly1305, ring.Primary(), Scope{Purpose: purposeSubject})
	if err != nil {
		return line{}, "", err
	}
	sealed, err := c.Encrypt([]byte(secret), []byte(name))
	return line{Subject: name, Key: ring.Primary(), Secret: sealed}, secret, err
}

// keep appends lines and waits until they are on disk.
func (s *Subjects) keep(lines []line) (err error) {
	if len(lines) == 0 {
		return nil
	}
	text, err := encode(lines)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: the file of subjects cannot be written", core.ErrUnavailable)
	}
	return nil
}

func encode(lines []line) ([]byte, error) {
	var b bytes.Buffer
	for _, l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes(), nil
}

// Shred destroys the secret of a subject and remembers that it did. The file is
// written anew without it. A subject that was never there is shredded as well:
// nothing can be written for it any more.
func (s *Subjects) Shred(ctx context.Context, provider Provider, subject string) error {
	ring, err := provider.Ring(ctx)
	if err != nil {
		return err
	}
	name, err := hashOf(ring, subject)
	if err != nil {
		return err
	}
	return s.rewrite(func(l line) (line, error) { return l, nil }, line{Subject: name})
}

// Rewrap encrypts every secret under the ring's primary key, so that older keys
// can be disabled.
func (s *Subjects) Rewrap(ctx context.Context, provider Provider) error {
	ring, err := provider.Ring(ctx)
	if err != nil {
		return err
	}
	return s.rewrite(func(l line) (line, error) {
		if len(l.Secret) == 0 || l.Key == ring.Primary() {
			return l, nil
		}
		secret, err := s.decrypt(ring, l.Subject, l)
		if err != nil {
			return l, err
		}
		l, _, err = seal(ring, l.Subject, secret)
		return l, err
	})
}

// rewrite replaces the file in one step.
func (s *Subjects) rewrite(change func(line) (line, error), more ...line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]line{}
	for name, l := range s.held {
		changed, err := change(l)
		if err != nil {
			return err
		}
		next[name] = changed
	}
	for _, l := range more {
		next[l.Subject] = l
	}
	var lines []line
	for _, l := range next {
		lines = append(lines, l)
	}
	text, err := encode(lines)
	if err != nil {
		return err
	}
	if err := replace(s.path, text, false); err != nil {
		return fmt.Errorf("%w: the file of subjects cannot be written", core.ErrUnavailable)
	}
	s.held = next
	for _, l := range more {
		delete(s.open, l.Subject)
	}
	return nil
}
