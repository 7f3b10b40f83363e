// Package keys holds the keys of the crypto layer: a ring of keys that rotate,
// the files and key services that keep a ring, and secrets of single subjects
// that can be shredded.
//
// A [Ring] is one Tink keyset of key-derivation keys. Every feature and column
// has keys of its own, derived from it, so that one column's values open under
// no other's key. Where random nonces are short, each [Lot] of values has one
// more, so that none wears out. Key ids are those of the keyset: rotating the
// ring rotates every column.
//
//	created distributed   -> Add      every reader knows the key, nobody writes with it
//	writes                -> Promote  (Rotate is both at once)
//	re-encrypt            -> crypto.Reencrypt
//	reads fail loudly     -> Disable
//	gone                  -> Delete
//
// A Ring never changes; each of these makes another one. It prints no secret.
package keys

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// Provider gives the ring that is valid now. It is asked once for each
// operation that needs a key, so it must answer from memory where it can.
// A key service or file that cannot be reached is core.ErrUnavailable.
type Provider interface {
	Ring(ctx context.Context) (*Ring, error)
}

// Key describes one key of a ring. It holds no secret.
type Key struct {
	ID      uint32 `json:"id"`
	Primary bool   `json:"primary,omitempty"` // writes
	Enabled bool   `json:"enabled"`           // reads
}

// KeyError says that a value needs a key which cannot be had. It matches
// core.ErrIntegrity, and ErrUnknown or ErrDisabled.
type KeyError struct {
	ID  uint32
	err error
}

// The reasons of a KeyError.
var (
	ErrUnknown  = fmt.Errorf("%w: the key is not in the keyset", core.ErrIntegrity)
	ErrDisabled = fmt.Errorf("%w: the key is disabled", core.ErrIntegrity)
)

// Error prints as "key 12345: integrity violation: the key is disabled".
func (e *KeyError) Error() string { return fmt.Sprintf("key %d: %v", e.ID, e.err) }

// Unwrap gives the reason.
func (e *KeyError) Unwrap() error { return e.err }

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", core.ErrInvalid, fmt.Sprintf(format, args...))
}
