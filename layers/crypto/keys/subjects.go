package keys

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"

	"github.com/metaxy-go/metaxy/core"
)

// Subjects keeps one random secret for each subject (a person, say) in a file,
// until it is shredded. Values under that secret are then unreadable wherever
// they are, for everybody, in backups of the store too.
//
// The file names no subject: a line holds a keyed hash and the secret,
// encrypted under the ring. What other processes change in it is seen at the
// next use; several may write it where the system has file locks, as Unix has.
// Backups of this file undo a shredding, so keep few and short.
type Subjects struct {
	path string

	mu   sync.Mutex
	ring *Ring // that decrypted open
	held map[string]line
	open map[string]string // plain secrets
	seen os.FileInfo       // of what held is; nil: there was no file
	end  int64             // of its last whole line
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
	return s, s.refresh()
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
	names := make([]string, len(subjects))
	for i, subject := range subjects {
		var err error
		if names[i], err = hashOf(ring, subject); err != nil {
			return nil, nil, err
		}
	}
	err := s.refresh()
	if err == nil && create && s.lacks(names) {
		err = s.locked(ctx, func() error { return s.create(ring, names) })
	}
	if err != nil {
		return nil, nil, err
	}
	secrets, errs := make([]string, len(subjects)), make([]error, len(subjects))
	for i, name := range names {
		switch l, held := s.held[name]; {
		case held && len(l.Secret) == 0:
			errs[i] = ErrShredded
		case held:
			secrets[i], errs[i] = s.decrypt(ring, name, l)
		}
	}
	return secrets, errs, nil
}

func (s *Subjects) lacks(names []string) bool {
	for _, name := range names {
		if _, held := s.held[name]; !held {
			return true
		}
	}
	return false
}

// create makes secrets for those that still have none. It needs the lock.
func (s *Subjects) create(ring *Ring, names []string) error {
	var fresh []line
	made := map[string]bool{}
	for _, name := range names {
		if _, held := s.held[name]; held || made[name] {
			continue
		}
		l, err := seal(ring, name, "")
		if err != nil {
			return err
		}
		fresh, made[name] = append(fresh, l), true
	}
	if err := s.add(fresh); err != nil {
		return err
	}
	return s.refresh()
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
func seal(ring *Ring, name, secret string) (line, error) {
	if secret == "" {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return line{}, err
		}
		secret = string(b)
	}
	c, err := ring.Cipher(XChaCha20Poly1305, ring.Primary(), Scope{Purpose: purposeSubject})
	if err != nil {
		return line{}, err
	}
	sealed, err := c.Encrypt([]byte(secret), []byte(name))
	return line{Subject: name, Key: ring.Primary(), Secret: sealed}, err
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
	return s.rewrite(ctx, func(l line) (line, error) { return l, nil }, line{Subject: name})
}

// Rewrap encrypts every secret under the ring's primary key, so that older keys
// can be disabled.
func (s *Subjects) Rewrap(ctx context.Context, provider Provider) error {
	ring, err := provider.Ring(ctx)
	if err != nil {
		return err
	}
	return s.rewrite(ctx, func(l line) (line, error) {
		if len(l.Secret) == 0 || l.Key == ring.Primary() {
			return l, nil
		}
		secret, err := s.decrypt(ring, l.Subject, l)
		if err != nil {
			return l, err
		}
		return seal(ring, l.Subject, secret)
	})
}

// rewrite replaces the file in one step. What other processes shredded or added
// until now is in it.
func (s *Subjects) rewrite(ctx context.Context, change func(line) (line, error), more ...line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(ctx, func() error {
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
		if err := s.replace(lines); err != nil {
			return err
		}
		return s.refresh()
	})
}
