package crypto

import (
	"encoding/binary"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// mostOverhead is what a value grows by at most: two bytes of ours, one of the
// type, and 53 of AES-CTR-HMAC. Those with a lot grow by less.
const mostOverhead = 2 + 1 + 53

// mostRepeated bounds how many deterministic values a goroutine remembers.
const mostRepeated = 4096

// purposes of derived keys and associated data.
const (
	purposeCell   = "cell"
	purposeRow    = "row"
	purposeBeacon = "beacon"
)

// sealer encrypts one column with one key of the ring.
type sealer struct {
	*column
	key       uint32
	ring      *keys.Ring
	feature   core.FeatureKey
	algorithm keys.Algorithm
}

func newSealer(c *column, ring *keys.Ring, key uint32, feature core.FeatureKey) *sealer {
	return &sealer{column: c, key: key, ring: ring, feature: feature, algorithm: c.algorithm()}
}

// press is what encrypts some rows for one purpose.
type press struct {
	cipher keys.Cipher // nil: one a subject
	begin  []byte      // of each value
	head   []byte      // of the associated data
}

// press readies the encryption of so many values: where a key wears out, under
// the key of a lot. The key of a single subject does not live to see 2^32.
func (s *sealer) press(purpose string, a keys.Algorithm, values int) (press, error) {
	scope := keys.Scope{Purpose: purpose, Feature: string(s.feature), Column: s.bound}
	var p press
	var lot keys.Lot
	var err error
	switch {
	case purpose == purposeCell && s.subject != "":
	case a.Lots():
		lot, err = s.ring.Lot(a, s.key, scope, values)
		p.cipher = lot.Cipher
	default:
		p.cipher, err = s.ring.Cipher(a, s.key, scope)
	}
	p.begin = appendCellHead(nil, a, lot.Number)
	p.head = newHead(purpose, a, s.key, lot.Number, s.feature, s.bound)
	return p, err
}

func cellScope(feature core.FeatureKey, c *column, secret string) keys.Scope {
	return keys.Scope{Purpose: purposeCell, Feature: string(feature), Column: c.bound, Secret: secret}
}

// seal encrypts rows lo to hi of a column. Nothing else is allocated for a value
// than the ciphertext that Tink returns.
func (s *sealer) seal(v value, rows *rowBinder, who *subjectColumn, lo, hi int) (cell, companion *cells, err error) {
	values, err := s.press(purposeCell, s.algorithm, hi-lo)
	if err != nil {
		return nil, nil, err
	}
	var row press // makes the seals of deterministic values
	if s.hasSeal() {
		if row, err = s.press(purposeRow, keys.AES256GCM, hi-lo); err != nil {
			return nil, nil, err
		}
	}
	cell, companion = newCells(hi-lo), newCells(hi-lo)
	cell.data = make([]byte, 0, v.size(lo, hi)+(hi-lo)*mostOverhead)
	plain := make([]byte, 0, 256)
	ad := append(make([]byte, 0, 512), values.head...)
	rowAD := append([]byte(nil), row.head...)
	var repeated map[string][]byte
	if s.mode == modeDeterministic {
		repeated = map[string][]byte{}
	}
	for at := lo; at < hi; at++ {
		null := v.null(at)
		if null && !s.hideNulls() || rows.tombstone(at) {
			cell.end(false)
			companion.end(false)
			continue
		}
		if null {
			plain = append(plain[:0], 0)
		} else {
			plain = v.append(append(plain[:0], s.tag...), at)
		}
		cipher := values.cipher
		if cipher == nil {
			if cipher, err = s.cipherOf(who, at); err != nil {
				return nil, nil, err
			}
		}
		from := len(cell.data)
		cell.data = append(cell.data, values.begin...)
		ad = ad[:len(values.head)]
		if s.mode == modeRandom {
			ad = rows.append(ad, at)
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
		case row.cipher != nil:
			rowAD = appendPart(rows.append(rowAD[:len(row.head)], at), cell.data[from:])
			sealed, err := row.cipher.Encrypt(nil, rowAD)
			if err != nil {
				return nil, nil, err
			}
			companion.data = append(companion.data, row.begin...)
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
