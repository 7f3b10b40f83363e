package crypto

import (
	"encoding/binary"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// mostOverhead is what a value grows by at most: two bytes of ours, one of the
// type, and 53 of AES-CTR-HMAC.
const mostOverhead = 2 + 1 + 53

// mostRepeated bounds how many deterministic values a goroutine remembers.
const mostRepeated = 4096

// purposes of derived keys and associated data.
const (
	purposeCell   = "cell"
	purposeRow    = "row"
	purposeBeacon = "beacon"
)

// sealer encrypts one column with one key.
type sealer struct {
	*column
	key       uint32
	ring      *keys.Ring
	feature   core.FeatureKey
	algorithm keys.Algorithm
	cipher    keys.Cipher // nil: one a subject
	head      []byte      // of the associated data
	row       keys.Cipher // makes the seal of a deterministic value
	rowHead   []byte
}

func newSealer(c *column, ring *keys.Ring, key uint32, feature core.FeatureKey) (*sealer, error) {
	s := &sealer{column: c, key: key, ring: ring, feature: feature, algorithm: c.algorithm()}
	s.head = newHead(purposeCell, s.algorithm, key, feature, c.bound)
	var err error
	if c.subject == "" {
		if s.cipher, err = ring.Cipher(s.algorithm, key, cellScope(feature, c, "")); err != nil {
			return nil, err
		}
	}
	if c.hasSeal() {
		s.rowHead = newHead(purposeRow, keys.AES256GCM, key, feature, c.bound)
		s.row, err = ring.Cipher(keys.AES256GCM, key, keys.Scope{Purpose: purposeRow, Feature: string(feature), Column: c.bound})
	}
	return s, err
}

func cellScope(feature core.FeatureKey, c *column, secret string) keys.Scope {
	return keys.Scope{Purpose: purposeCell, Feature: string(feature), Column: c.bound, Secret: secret}
}

// seal encrypts rows lo to hi of a column. Nothing else is allocated for a value
// than the ciphertext that Tink returns.
func (s *sealer) seal(v value, rows *rowBinder, who *subjectColumn, lo, hi int) (cell, companion *cells, err error) {
	cell, companion = newCells(hi-lo), newCells(hi-lo)
	cell.data = make([]byte, 0, v.size(lo, hi)+(hi-lo)*mostOverhead)
	plain := make([]byte, 0, 256)
	ad := append(make([]byte, 0, 512), s.head...)
	rowAD := append([]byte(nil), s.rowHead...)
	var repeated map[string][]byte
	if s.mode == modeDeterministic {
		repeated = map[string][]byte{}
	}
	for row := lo; row < hi; row++ {
		null := v.null(row)
		if null && !s.hideNulls() || rows.tombstone(row) {
			cell.end(false)
			companion.end(false)
			continue
		}
		if null {
			plain = append(plain[:0], 0)
		} else {
			plain = v.append(append(plain[:0], s.tag...), row)
		}
		cipher := s.cipher
		if cipher == nil {
			if cipher, err = s.cipherOf(who, row); err != nil {
				return nil, nil, err
			}
		}
		from := len(cell.data)
		cell.data = append(cell.data, cellVersion, byte(s.algorithm))
		ad = ad[:len(s.head)]
		if s.mode == modeRandom {
			ad = rows.append(ad, row)
		}
		sealed, known := repeated[string(plain)]
		if !known {
			if sealed, err = cipher.Encrypt(plain, ad); err != nil {
				return nil, nil, err
			}
			if repeated != nil && len(repeated) < mostRepeated {
				repeated[string(plain)] = sealed
			}
		}
		cell.data = append(cell.data, sealed...)
		cell.end(true)
		switch {
		case s.row != nil:
			rowAD = appendPart(rows.append(rowAD[:len(s.rowHead)], row), cell.data[from:])
			sealed, err := s.row.Encrypt(nil, rowAD)
			if err != nil {
				return nil, nil, err
			}
			companion.data = append(companion.data, cellVersion, byte(keys.AES256GCM))
			companion.data = append(companion.data, sealed...)
			companion.end(true)
		case s.beacon > 0 && !null:
			b, err := beacon(s.ring, s.key, s.feature, s.column, plain)
			if err != nil {
				return nil, nil, err
			}
			companion.data = append(companion.data, b...)
			companion.end(true)
		default:
			companion.end(false)
		}
	}
	return cell, companion, nil
}

// beacon is a hash of so many bits; the bytes around the bits are zero. It does
// not depend on the key that writes values later: each key has its own.
func beacon(ring *keys.Ring, key uint32, feature core.FeatureKey, c *column, plain []byte) ([]byte, error) {
	h, err := ring.PRF(key, keys.Scope{Purpose: purposeBeacon, Feature: string(feature), Column: c.bound}, plain, 16)
	if err != nil {
		return nil, err
	}
	bits := binary.BigEndian.Uint32(h) >> (32 - c.beacon)
	out := binary.BigEndian.AppendUint32(nil, bits)
	return out[4-(c.beacon+7)/8:], nil
}
