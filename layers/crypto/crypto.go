// Package crypto is a layer that encrypts columns: plaintext above it,
// ciphertext below.
//
//	layer := crypto.New(ring, crypto.Columns("email"),
//		crypto.Column("video/**", "owner", crypto.Deterministic()))
//
// A protected column is stored as binary under its own name; beside it stands
// a companion column whose name records the original Arrow type and the mode,
// so that every type comes back exactly from backends that keep neither
// metadata nor types. Every value is bound to its feature, column, sample and
// data version: one that was moved, exchanged or rolled back is
// core.ErrIntegrity. docs/guide/encryption.md tells what each mode costs and
// what storage still learns.
//
// Id columns and "data_version" cannot be protected: the store joins on them.
package crypto

import (
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

const name = "crypto"

// KeyProvider gives the keys: a *keys.Ring, a *keys.File, or anything else that
// knows the ring which is valid now.
type KeyProvider = keys.Provider

// Crypto is the handle of the layer.
type Crypto struct {
	keys    KeyProvider
	options options
}

var _ core.Layer = (*Crypto)(nil)

// New makes the layer. Wrong options are reported by Wrap, all at once.
func New(provider KeyProvider, opts ...Option) *Crypto {
	c := &Crypto{keys: provider}
	for _, o := range opts {
		o(&c.options)
	}
	return c
}

// Info describes the layer: which columns of which features, and how.
func (c *Crypto) Info() core.LayerInfo {
	return core.LayerInfo{Name: name, Phase: core.PhaseCrypto, Summary: c.options.summary()}
}

// Wrap makes the store. Options that make no sense match core.ErrInvalid.
func (c *Crypto) Wrap(next core.Store) (core.Store, error) {
	switch {
	case next == nil:
		return nil, fmt.Errorf("%w: crypto: there is no store to wrap", core.ErrInvalid)
	case c.keys == nil:
		return nil, fmt.Errorf("%w: crypto: there are no keys", core.ErrInvalid)
	}
	if err := c.options.check(); err != nil {
		return nil, err
	}
	return &store{next: next, keys: c.keys, options: c.options, below: next.Capabilities()}, nil
}
