package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// File is a ring kept in a file, encrypted by a passphrase or a key service. It
// sees changes that other processes make to the file, and keeps answering from
// memory while a key service is down.
type File struct {
	path string
	lock Lock

	mu   sync.Mutex
	ring *Ring
	seen stamp
	born map[uint32]time.Time
}

var _ Provider = (*File)(nil)

// stamp tells versions of a file apart.
type stamp struct {
	size int64
	time time.Time
}

// fileFormat is the number of the format that is written.
const fileFormat = 1

// content is the file as JSON.
type content struct {
	Format   int    `json:"format"`
	Argon    *argon `json:"argon2id,omitempty"`
	Rotating []byte `json:"keyset"`
	Fixed    []byte `json:"versions"`

	Created map[uint32]time.Time `json:"created,omitempty"` // for people; nothing authenticates it
}

// Create makes a file with a ring of one fresh key. A file that is there
// already is core.ErrConflict.
func Create(ctx context.Context, path string, lock Lock) (*File, error) {
	ring, err := New()
	if err != nil {
		return nil, err
	}
	f := &File{path: path, lock: lock}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%w: the key file is there already", core.ErrConflict)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.locked(func() error { return f.save(ctx, ring, true) })
}

// Open reads a file that Create made. A wrong passphrase, and a file that was
// changed, are core.ErrIntegrity; a file or key service that cannot be reached
// is core.ErrUnavailable. What else a key service says is kept where it matches
// a sentinel: core.ErrDenied, say.
func Open(ctx context.Context, path string, lock Lock) (*File, error) {
	f := &File{path: path, lock: lock}
	_, err := f.Ring(ctx)
	return f, err
}

// String tells where the file is.
func (f *File) String() string { return "key file " + f.path }

// GoString is String.
func (f *File) GoString() string { return f.String() }

// Ring gives the ring that the file holds now.
func (f *File) Ring(ctx context.Context) (*Ring, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(ctx)
}

func (f *File) load(ctx context.Context) (*Ring, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, unreadable(err)
	}
	now := stamp{info.Size(), info.ModTime()}
	if f.ring != nil && now == f.seen {
		return f.ring, nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, unreadable(err)
	}
	var c content
	if err := json.Unmarshal(text, &c); err != nil || c.Format < 1 {
		return nil, fmt.Errorf("%w: the key file is no key file", core.ErrIntegrity)
	}
	if c.Format != fileFormat {
		return nil, fmt.Errorf("%w: the key file is of format %d, which this version does not read", core.ErrIntegrity, c.Format)
	}
	l, ad, err := f.lock.open(c.Argon)
	if err != nil {
		return nil, err
	}
	w := &witness{lock: l}
	ring, err := unmarshal(ctx, w, ad, c.Rotating, c.Fixed)
	if err != nil {
		return nil, f.lock.refused(ctx, w.err)
	}
	f.ring, f.seen, f.born = ring, now, c.Created
	return ring, nil
}

// open gives what decrypts, and what is authenticated beside.
func (l Lock) open(a *argon) (lock, []byte, error) {
	switch {
	case l.service != nil:
		return l.service, []byte("metaxy/keyfile/1"), nil
	case len(l.passphrase) == 0:
		return nil, nil, invalidf("the key file needs a passphrase or a key service")
	case a == nil:
		return nil, nil, invalidf("the key file is locked by a key service, not by a passphrase")
	}
	if err := a.check(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", core.ErrIntegrity, err)
	}
	opened, err := a.lock(l.passphrase)
	return opened, append([]byte("metaxy/keyfile/1"), a.bytes()...), err
}

// refused says why a keyset did not open or was not locked. Of what a service
// said an error that matches a sentinel is kept, since such errors repeat no
// secret; another one is dropped.
func (l Lock) refused(ctx context.Context, said error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.service != nil && said == nil:
		return fmt.Errorf("%w: the key file holds no keyset", core.ErrIntegrity)
	case l.service != nil:
		for _, sentinel := range core.Sentinels() {
			if errors.Is(said, sentinel) {
				return fmt.Errorf("the lock of the key file: %w", said)
			}
		}
		return fmt.Errorf("%w: the key service did not open the key file", core.ErrUnavailable)
	}
	return fmt.Errorf("%w: the passphrase is wrong or the key file was changed", core.ErrIntegrity)
}

func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no key file", core.ErrUnavailable)
	}
	return fmt.Errorf("%w: the key file cannot be read", core.ErrUnavailable)
}

// Update replaces the ring by what change makes of it, in one step: after a
// crash the file holds the old ring or the new one. Of several processes that
// update at once all but one get core.ErrConflict.
func (f *File) Update(ctx context.Context, change func(*Ring) (*Ring, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		ring, err := f.load(ctx)
		if err != nil {
			return err
		}
		if ring, err = change(ring); err != nil {
			return err
		}
		return f.save(ctx, ring, false)
	})
}

// Rotate adds a key and writes with it from now on. Other processes that have
// the file open see it at their next operation.
func (f *File) Rotate(ctx context.Context) (id uint32, err error) {
	err = f.Update(ctx, func(r *Ring) (ring *Ring, err error) {
		ring, id, err = r.Rotate()
		return ring, err
	})
	return id, err
}

// Disable refuses what the key wrote from now on.
func (f *File) Disable(ctx context.Context, id uint32) error {
	return f.Update(ctx, func(r *Ring) (*Ring, error) { return r.Disable(id) })
}

// locked holds a lock file while f runs. One that a killed process left behind
// must be removed by hand.
func (f *File) locked(do func() error) error {
	held, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: somebody else changes the key file, or left its .lock file behind", core.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("%w: the folder of the key file cannot be written", core.ErrUnavailable)
	}
	defer func() { _ = held.Close(); _ = os.Remove(f.path + ".lock") }()
	return do()
}

func (f *File) save(ctx context.Context, ring *Ring, fresh bool) error {
	c := content{Format: fileFormat, Created: born(f.ring, ring, f.born)}
	if f.lock.service == nil {
		var err error
		if c.Argon, err = newArgon(); err != nil {
			return err
		}
	}
	l, ad, err := f.lock.open(c.Argon)
	if err != nil {
		return err
	}
	w := &witness{lock: l}
	if c.Rotating, c.Fixed, err = ring.marshal(ctx, w, ad); err != nil {
		return f.lock.refused(ctx, w.err)
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(f.path, append(text, '\n'), fresh); err != nil {
		return fmt.Errorf("%w: the key file cannot be written", core.ErrUnavailable)
	}
	f.ring, f.seen, f.born = ring, stamp{}, c.Created
	if info, err := os.Stat(f.path); err == nil {
		f.seen = stamp{info.Size(), info.ModTime()}
	}
	return nil
}

// replace writes a file in one step, durably.
func replace(path string, data []byte, fresh bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if fresh {
		err = os.Link(tmp.Name(), path) // fails if somebody was faster
	} else {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
