package keys

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

// Ring is a set of keys, of which one writes. It is immutable and safe for
// concurrent use; what it derives is cached in it.
type Ring struct {
	rotating *keyset.Handle // HKDF keys
	fixed    *keyset.Handle // one HKDF key that never rotates, for content versions
	keys     []Key
	primary  uint32
	prfs     map[uint32]prf.PRF // of the enabled keys
	version  prf.PRF
	derived  *cache
	lots     *lots
}

var _ Provider = (*Ring)(nil)

// New makes a ring of one fresh key.
func New() (*Ring, error) {
	rotating, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	fixed, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	return newRing(rotating, fixed)
}

func newRing(rotating, fixed *keyset.Handle) (*Ring, error) {
	set, err := prf.NewPRFSet(rotating)
	if err != nil {
		return nil, fmt.Errorf("the keyset: %w", err)
	}
	versions, err := prf.NewPRFSet(fixed)
	if err != nil {
		return nil, fmt.Errorf("the version key: %w", err)
	}
	r := &Ring{
		rotating: rotating, fixed: fixed, primary: set.PrimaryID, prfs: set.PRFs,
		version: versions.PRFs[versions.PrimaryID], derived: newCache(), lots: newLots(),
	}
	for i := range rotating.Len() {
		e, err := rotating.Entry(i)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, Key{ID: e.KeyID(), Primary: e.IsPrimary(), Enabled: e.KeyStatus() == keyset.Enabled})
	}
	return r, nil
}

// Ring is the ring itself, so that it is a Provider.
func (r *Ring) Ring(ctx context.Context) (*Ring, error) { return r, ctx.Err() }

// Keys lists the keys, oldest first.
func (r *Ring) Keys() []Key { return slices.Clone(r.keys) }

// Primary is the id of the key that writes.
func (r *Ring) Primary() uint32 { return r.primary }

// Enabled lists the ids of the keys that can be used, oldest first.
func (r *Ring) Enabled() []uint32 {
	var ids []uint32
	for _, k := range r.keys {
		if k.Enabled {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// String tells the key ids and nothing else.
func (r *Ring) String() string { return fmt.Sprintf("keyring%v", r.keys) }

// GoString is String: %#v must not walk into the keys.
func (r *Ring) GoString() string { return r.String() }

// Scope names what a derived key is for. Different scopes have independent keys.
type Scope struct {
	Purpose string // such as "cell"
	Feature string
	Column  string
	Secret  string // of a subject, "" when there is none
	Lot     uint64 // number of a Lot, 0 when there is none
}

func (s Scope) label(more ...byte) []byte {
	b := []byte("metaxy/keys/1")
	for _, part := range []string{s.Purpose, s.Feature, s.Column, s.Secret} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	b = append(b, more...)
	if s.Lot != 0 {
		b = binary.BigEndian.AppendUint64(b, s.Lot)
	}
	return b
}

func (r *Ring) prf(id uint32) (prf.PRF, error) {
	if p, ok := r.prfs[id]; ok {
		return p, nil
	}
	if slices.ContainsFunc(r.keys, func(k Key) bool { return k.ID == id }) {
		return nil, &KeyError{ID: id, err: ErrDisabled}
	}
	return nil, &KeyError{ID: id, err: ErrUnknown}
}

// Cipher gives the cipher of a key for a scope. Errors are *KeyError.
func (r *Ring) Cipher(a Algorithm, id uint32, scope Scope) (Cipher, error) {
	if !a.Valid() {
		return nil, invalidf("unknown algorithm %d", a)
	}
	p, err := r.prf(id)
	if err != nil {
		return nil, err
	}
	return r.derived.get(cached{a, id, scope}, func() (Cipher, error) {
		material, err := p.ComputePRF(scope.label(byte(a)), algorithms[a].bytes)
		if err != nil {
			return nil, err
		}
		return newCipher(a, id, material)
	})
}

// PRF computes n bytes of a keyed function of data, at most 32.
func (r *Ring) PRF(id uint32, scope Scope, data []byte, n int) ([]byte, error) {
	p, err := r.prf(id)
	if err != nil {
		return nil, err
	}
	return p.ComputePRF(append(scope.label(0), data...), uint32(n))
}

// Version computes 32 bytes under the key that never rotates: the same for the
// same data as long as the ring exists.
func (r *Ring) Version(scope Scope, data []byte) ([]byte, error) {
	return r.version.ComputePRF(append(scope.label(0), data...), 32)
}

// change makes a ring of a changed keyset. The version key stays.
func (r *Ring) change(f func(*keyset.Manager) error) (*Ring, error) {
	m := keyset.NewManagerFromHandle(r.rotating)
	if err := f(m); err != nil {
		return nil, err
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return newRing(h, r.fixed)
}

// Add makes a ring with one more key, which reads but does not write yet.
func (r *Ring) Add() (*Ring, uint32, error) {
	var id uint32
	ring, err := r.change(func(m *keyset.Manager) (err error) {
		id, err = m.Add(prf.HKDFSHA256PRFKeyTemplate())
		return err
	})
	return ring, id, err
}

// Promote makes a ring that writes with another of its keys.
func (r *Ring) Promote(id uint32) (*Ring, error) {
	return r.onKey(id, func(m *keyset.Manager) error { return m.SetPrimary(id) })
}

// Rotate makes a ring with a new key that writes. Readers that have the old
// ring cannot read what the new key writes: where there are several processes,
// Add, distribute, then Promote.
func (r *Ring) Rotate() (*Ring, uint32, error) {
	added, id, err := r.Add()
	if err != nil {
		return nil, 0, err
	}
	ring, err := added.Promote(id)
	return ring, id, err
}

// Disable makes a ring that refuses to read what this key wrote. The key that
// writes cannot be disabled.
func (r *Ring) Disable(id uint32) (*Ring, error) {
	return r.onKey(id, func(m *keyset.Manager) error { return m.Disable(id) })
}

// Enable makes a ring that reads with this key again.
func (r *Ring) Enable(id uint32) (*Ring, error) {
	return r.onKey(id, func(m *keyset.Manager) error { return m.Enable(id) })
}

// Delete makes a ring without this key: what it wrote is lost.
func (r *Ring) Delete(id uint32) (*Ring, error) {
	return r.onKey(id, func(m *keyset.Manager) error { return m.Delete(id) })
}

func (r *Ring) onKey(id uint32, f func(*keyset.Manager) error) (*Ring, error) {
	at := slices.IndexFunc(r.keys, func(k Key) bool { return k.ID == id })
	if at < 0 {
		return nil, invalidf("there is no key %d in the keyset", id)
	}
	ring, err := r.change(f)
	if err != nil {
		return nil, invalidf("key %d: %v", id, err)
	}
	return ring, nil
}

// lock is what encrypts a keyset at rest.
type lock interface {
	EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error)
	DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error)
}

// marshal encrypts both keysets under the lock.
func (r *Ring) marshal(ctx context.Context, l lock, ad []byte) (rotating, fixed []byte, err error) {
	one := func(h *keyset.Handle, which string) ([]byte, error) {
		var b bytes.Buffer
		err := h.WriteWithContext(ctx, keyset.NewBinaryWriter(&b), l, append([]byte(which), ad...))
		return b.Bytes(), err
	}
	if rotating, err = one(r.rotating, "rotating"); err != nil {
		return nil, nil, err
	}
	fixed, err = one(r.fixed, "fixed")
	return rotating, fixed, err
}

func unmarshal(ctx context.Context, l lock, ad, rotating, fixed []byte) (*Ring, error) {
	one := func(b []byte, which string) (*keyset.Handle, error) {
		return keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(b)), l, append([]byte(which), ad...))
	}
	a, err := one(rotating, "rotating")
	if err != nil {
		return nil, err
	}
	b, err := one(fixed, "fixed")
	if err != nil {
		return nil, err
	}
	return newRing(a, b)
}
