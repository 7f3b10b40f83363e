package keys

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// lotValues is how many values one derived key encrypts under random nonces of
// 96 bits, a quarter of the 2^32 at which two nonces meet too probably.
const lotValues = 1 << 30

// Lots reports whether a key of the algorithm wears out: its random nonces are
// so short that values are counted and the key changed with each Lot.
func (a Algorithm) Lots() bool { return a == AES256GCM || a == AES256GCMSIV }

// Lot is a run of at most 2^30 values of one writer under a key of their own.
// Its number is random, stands in each value and enters the derivation of the
// key, so that no key of a ring ever wears out, however many write and whatever
// they know of each other.
type Lot struct {
	Number uint64 // never 0
	Cipher Cipher
}

// lots are the lots that a ring writes at present.
type lots struct {
	mu      sync.Mutex
	size    int64 // values in a lot
	current map[cached]*openLot
}

type openLot struct {
	number uint64
	left   int64
}

func newLots() *lots { return &lots{size: lotValues, current: map[cached]*openLot{}} }

// take gives the number of a lot that has room for so many values.
func (l *lots) take(of cached, values int) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.current[of]; at != nil && at.left >= int64(values) {
		at.left -= int64(values)
		return at.number, nil
	}
	number, err := newLotNumber()
	if err != nil {
		return 0, err
	}
	if len(l.current) >= cacheLimit {
		clear(l.current) // a lot that is given up early costs a derivation
	}
	l.current[of] = &openLot{number, l.size - int64(values)}
	return number, nil
}

func newLotNumber() (uint64, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, err
		}
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n, nil
		}
	}
}

// Lot gives the cipher that encrypts so many more values of a scope, at most
// 2^30 at once. Errors are *KeyError.
func (r *Ring) Lot(a Algorithm, id uint32, scope Scope, values int) (Lot, error) {
	if !a.Lots() || values < 0 || values > lotValues || scope.Lot != 0 {
		return Lot{}, invalidf("%s has no lots of %d values", a, values)
	}
	number, err := r.lots.take(cached{a, id, scope}, values)
	if err != nil {
		return Lot{}, err
	}
	scope.Lot = number
	c, err := r.Cipher(a, id, scope)
	return Lot{number, c}, err
}
