package config

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// Keys says where the keys of a store are and what opens them. It prints no
// secret.
type Keys struct {
	Store    string    // whose they are
	Path     string    // of the file of the keys, absolute
	Subjects string    // of the file of subjects, absolute, "" when there is none
	Lock     keys.Lock // what the file of the keys is encrypted with

	close func() error
}

// Create makes the file of the keys. One that is there is core.ErrConflict.
func (k Keys) Create(ctx context.Context) (*keys.File, error) {
	return keys.Create(ctx, k.Path, k.Lock)
}

// Open opens the file of the keys. A wrong passphrase is core.ErrIntegrity, a
// file that is not there core.ErrUnavailable.
func (k Keys) Open(ctx context.Context) (*keys.File, error) { return keys.Open(ctx, k.Path, k.Lock) }

// OpenSubjects opens the file of subjects, or begins it. Without the key
// subjects in the table it is core.ErrUnsupported.
func (k Keys) OpenSubjects() (*keys.Subjects, error) {
	if k.Subjects == "" {
		return nil, fmt.Errorf("%w: [stores.%s.crypto] names no file of subjects", core.ErrUnsupported, k.Store)
	}
	return keys.OpenSubjects(k.Subjects)
}

// Close gives up what the lock holds, such as connections to a key service.
func (k Keys) Close() error {
	if k.close == nil {
		return nil
	}
	return k.close()
}

// Keys tells where the keys of a store are, "" for the default store. The
// passphrase is read and the key service's opener is called; the file of the
// keys is left alone, so it need not be there. A store without the table crypto
// is core.ErrUnsupported.
func (c *Config) Keys(ctx context.Context, reg *Registry, store string) (Keys, error) {
	v, name, err := c.tableOf(store, "crypto")
	if err != nil {
		return Keys{}, err
	}
	if err := checkLock(v, reg); err != nil {
		return Keys{}, err
	}
	return keysOf(ctx, v, reg, name)
}

// checkLock looks at what can be known of a lock without opening anything.
func checkLock(v Values, reg *Registry) error {
	switch passphrase, kms := v.Secret("passphrase").IsSet(), v.Text("kms"); {
	case !passphrase && kms == "":
		return v.Errorf("", `[%s] lacks what the keyset is encrypted with: write passphrase = "env:NAME" or kms = "URL"`, v.path())
	case passphrase && kms != "":
		return v.Errorf("kms", "kms: the keyset is encrypted by a passphrase or by a key service, not by both")
	case kms != "" && reg != nil:
		if _, err := reg.lock(kms); err != nil {
			return v.Errorf("kms", "kms: %w", err)
		}
	}
	return nil
}

// keysOf makes the lock.
func keysOf(ctx context.Context, v Values, reg *Registry, store string) (Keys, error) {
	k := Keys{Store: store, Path: v.Text("keyset"), Subjects: v.Text("subjects")}
	uri := v.Text("kms")
	if uri == "" {
		text, err := v.Secret("passphrase").Reveal()
		if err != nil {
			return Keys{}, v.Errorf("passphrase", "passphrase: %w", err)
		}
		k.Lock = keys.Passphrase([]byte(text))
		return k, nil
	}
	open, err := reg.lock(uri)
	if err != nil {
		return Keys{}, v.Errorf("kms", "kms: %w", err)
	}
	if k.Lock, k.close, err = open(ctx, uri); err != nil {
		return Keys{}, v.failedURL("kms", uri, err)
	}
	return k, nil
}
