package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// testDictionary tests each value of the dictionary once and looks the rows up. It returns which rows are known besides, because the
// values of a dictionary may be null themselves.
func testDictionary(arr *array.Dictionary, t test, out []uint64) (known []uint64) {
	// arr.Dictionary() fills a field of the array when it is first called, which is a data race between readers of one batch.
	values := array.MakeFromData(arr.Data().Dictionary())
	defer values.Release()
	stored := storage(values)
	passed := make([]uint64, words(stored.Len()))
	t(stored, passed)
	valid := validity(stored)

	look := lookup64{passed: passed, valid: valid, n: uint64(stored.Len()), out: out}
	if valid != nil {
		look.known = make([]uint64, len(out))
	}
	switch idx := arr.Indices().(type) {
	case *array.Int8:
		lookRows(look, idx.Int8Values())
	case *array.Int16:
		lookRows(look, idx.Int16Values())
	case *array.Int32:
		lookRows(look, idx.Int32Values())
	case *array.Int64:
		lookRows(look, idx.Int64Values())
	case *array.Uint8:
		lookRows(look, idx.Uint8Values())
	case *array.Uint16:
		lookRows(look, idx.Uint16Values())
	case *array.Uint32:
		lookRows(look, idx.Uint32Values())
	case *array.Uint64:
		lookRows(look, idx.Uint64Values())
	}
	return look.known
}

// lookup64 holds the bits of the dictionary's values and where those of the rows go.
type lookup64 struct {
	passed, valid, out, known []uint64
	n                         uint64
}

func lookRows[T integerValue](l lookup64, indices []T) {
	for i, idx := range indices {
		v := uint64(idx)
		if v >= l.n {
			continue // the index of a null row may be anything
		}
		l.out[i/64] |= (l.passed[v/64] >> (v % 64) & 1) << (i % 64)
		if l.valid != nil {
			l.known[i/64] |= (l.valid[v/64] >> (v % 64) & 1) << (i % 64)
		}
	}
}

// neverTest passes nothing: a look at the dictionary for its nulls only.
func neverTest(arrow.Array, []uint64) {}

// storage looks through extension arrays.
func storage(arr arrow.Array) arrow.Array {
	for {
		ext, ok := arr.(array.ExtensionArray)
		if !ok {
			return arr
		}
		arr = ext.Storage()
	}
}

// validity returns the bitmap of the values that are not null; nil when all are.
func validity(arr arrow.Array) []uint64 {
	data := arr.Data()
	n := data.Len()
	if data.DataType().ID() == arrow.NULL {
		return make([]uint64, words(n))
	}
	buffers := data.Buffers()
	// Asked of the data, since the array would count the nulls of a slice and keep the count: a data race between readers of one batch.
	if data.NullN() == 0 || len(buffers) == 0 || buffers[0] == nil || buffers[0].Len() == 0 {
		return nil
	}
	return loadBits(buffers[0].Bytes(), data.Offset(), n)
}
