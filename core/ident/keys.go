package ident

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
)

// Keys reads the ids of one batch for joining: hashing and equality that do
// not depend on encodings and widths, so an int32 or dictionary column meets an
// int64 or plain one. Comparable says which types may meet.
type Keys struct {
	columns []keyColumn
	rows    int
	nulls   bool
}

// BindKeys finds the id columns in a batch. The keys are valid as long as the
// batch.
func BindKeys(batch arrow.RecordBatch, ids []string) (*Keys, error) {
	k := &Keys{rows: int(batch.NumRows()), columns: make([]keyColumn, 0, len(ids))}
	for _, id := range ids {
		at := batch.Schema().FieldIndices(id)
		if len(at) != 1 {
			return nil, fmt.Errorf("id column %q occurs %d times", id, len(at))
		}
		c, err := newKeyColumn(batch.Column(at[0]))
		if err != nil {
			return nil, fmt.Errorf("id column %q: %w", id, err)
		}
		k.nulls = k.nulls || c.nulls != nil
		k.columns = append(k.columns, c)
	}
	return k, nil
}

// Rows is the number of rows in the batch.
func (k *Keys) Rows() int { return k.rows }

// HasNulls reports whether Null can be true for some row.
func (k *Keys) HasNulls() bool { return k.nulls }

// Null reports whether a row lacks a part of its id.
func (k *Keys) Null(row int) bool {
	for i := range k.columns {
		if c := &k.columns[i]; c.nulls != nil && isNull(c.nulls, row) {
			return true
		}
	}
	return false
}

// Hash fills dst with the 64-bit hashes of the rows from lo on. Equal ids have
// equal hashes; the hash of a row that is Null means nothing.
func (k *Keys) Hash(dst []uint64, lo int) {
	for i := range k.columns {
		k.columns[i].hash(dst, lo, i > 0)
	}
}

// Equal reports whether two rows have the same id. The columns of both must be
// as many, and Comparable one by one.
func (k *Keys) Equal(row int, other *Keys, otherRow int) bool {
	for i := range k.columns {
		if !k.columns[i].equal(row, &other.columns[i], otherRow) {
			return false
		}
	}
	return true
}

// keyColumn holds integers (and whatever is stored as one), or bytes.
type keyColumn struct {
	ints     []int64 // nil: bytes
	unsigned bool    // ints holds uint64
	off32    []int32 // with data, or nil
	data     []byte
	get      func(row int) []byte // when off32 is nil
	nulls    arrow.Array          // nil: there is none
}

func (c *keyColumn) bytes(row int) []byte {
	if c.off32 != nil {
		return c.data[c.off32[row]:c.off32[row+1]]
	}
	return c.get(row)
}

func (c *keyColumn) hash(dst []uint64, lo int, more bool) {
	if c.ints != nil {
		for i, v := range c.ints[lo : lo+len(dst)] {
			h := mix(uint64(v))
			if more {
				h = mix(bits.RotateLeft64(dst[i], 23) ^ h)
			}
			dst[i] = h
		}
		return
	}
	for i := range dst {
		h := hashBytes(c.bytes(lo + i))
		if more {
			h = mix(bits.RotateLeft64(dst[i], 23) ^ h)
		}
		dst[i] = h
	}
}

func (c *keyColumn) equal(row int, o *keyColumn, otherRow int) bool {
	if c.ints != nil {
		v := c.ints[row]
		return v == o.ints[otherRow] && (v >= 0 || c.unsigned == o.unsigned)
	}
	return bytes.Equal(c.bytes(row), o.bytes(otherRow))
}

// Int gives a value of an integer, boolean, date or time column; an unsigned
// value past the largest int64 wraps.
func (k *Keys) Int(column, row int) int64 { return k.columns[column].ints[row] }

// Bytes gives a value of a string or binary column, valid as long as the batch.
func (k *Keys) Bytes(column, row int) []byte { return k.columns[column].bytes(row) }

// Integers reports whether Int, not Bytes, reads the column.
func (k *Keys) Integers(column int) bool { return k.columns[column].ints != nil }
