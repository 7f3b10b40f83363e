package crypto

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// candidates are the stored forms of a value: one for each key that can have
// written it, and for each narrower type that the column once had.
func (t *translator) candidates(c *column, l expr.Literal) ([]expr.Literal, bool, error) {
	plains, ok := plaintexts(c, l)
	if !ok {
		return nil, false, nil
	}
	var out []expr.Literal
	for _, key := range t.ring.Enabled() {
		for _, plain := range plains {
			if c.beacon > 0 {
				b, err := beacon(t.ring, key, t.feature, c, plain)
				if err != nil {
					return nil, false, err
				}
				out = append(out, expr.Bytes(b))
				continue
			}
			cipher, err := t.ring.Cipher(keys.AES256SIV, key, cellScope(t.feature, c, ""))
			if err != nil {
				return nil, false, err
			}
			sealed, err := cipher.Encrypt(plain, newHead(purposeCell, keys.AES256SIV, key, 0, t.feature, c.bound))
			if err != nil {
				return nil, false, err
			}
			out = append(out, expr.Bytes(append(appendCellHead(nil, keys.AES256SIV, 0), sealed...)))
		}
	}
	return out, true, nil
}

// plaintexts are the tagged canonical bytes that equal a literal, not ok when
// that cannot be said of the type.
func plaintexts(c *column, l expr.Literal) ([][]byte, bool) {
	t := c.typ
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	var out [][]byte
	add := func(t arrow.DataType, data []byte) {
		if head, err := tag(t); err == nil {
			out = append(out, append(head, data...))
		}
	}
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		s, ok := l.Text()
		if !ok {
			return nil, false
		}
		add(t, []byte(s))
		if t.ID() == arrow.LARGE_STRING {
			add(arrow.BinaryTypes.String, []byte(s))
		}
		return out, true
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		b, ok := l.Bytes()
		if !ok {
			return nil, false
		}
		add(t, b)
		if t.ID() == arrow.LARGE_BINARY {
			add(arrow.BinaryTypes.Binary, b)
		}
		return out, true
	}
	if !arrow.IsInteger(t.ID()) {
		return nil, false
	}
	for k := kind(3); k <= 10; k++ {
		from := plainType(k)
		if from.ID() != t.ID() && (c.flags&flagWidened == 0 || !core.Widens(from, t)) {
			continue
		}
		data, fits, ok := integerBytes(from, l)
		if !ok {
			return nil, false
		}
		if fits {
			add(from, data)
		}
	}
	return out, true
}

// integerBytes are the bytes of an integer literal in a type, if it fits.
func integerBytes(t arrow.DataType, l expr.Literal) (data []byte, fits, ok bool) {
	width := t.(arrow.FixedWidthDataType).BitWidth()
	var word uint64
	if n, isInt := l.Int(); isInt {
		word = uint64(n)
		if arrow.IsSignedInteger(t.ID()) {
			fits = n >= math.MinInt64>>(64-width) && n <= math.MaxInt64>>(64-width)
		} else {
			fits = n >= 0 && uint64(n) <= math.MaxUint64>>(64-width)
		}
	} else if n, isUint := l.Uint(); isUint {
		word, fits = n, t.ID() == arrow.UINT64
	} else {
		return nil, false, false
	}
	for range width / 8 {
		data = append(data, byte(word))
		word >>= 8
	}
	return data, fits, true
}
