package duckdb

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"

	"github.com/metaxy-go/metaxy/core"
)

// encodes reports whether values of a type can be told apart by their bytes, which a dictionary needs.
func encodes(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY, arrow.BOOL:
		return true
	case arrow.FIXED_SIZE_LIST, arrow.DICTIONARY, arrow.EXTENSION:
		return false
	}
	_, fixed := t.(arrow.FixedWidthDataType)
	return fixed
}

// dictionary finds the distinct values again. Their order is that of their first use.
func (out outbound) dictionary(arr arrow.Array, t *arrow.DictionaryType) (arrow.Array, error) {
	plain, err := out.convert(arr, t.ValueType)
	if err != nil {
		return nil, err
	}
	defer plain.Release()
	key := bytesOf(plain)
	if key == nil {
		return nil, mismatch(arr, t)
	}
	seen := map[string]int{}
	firsts := array.NewInt64Builder(out.mem)
	defer firsts.Release()
	indices := array.NewBuilder(out.mem, t.IndexType)
	defer indices.Release()
	indices.Reserve(plain.Len())
	capacity := indexCapacity(t.IndexType)
	for i := range plain.Len() {
		if plain.IsNull(i) {
			indices.AppendNull()
			continue
		}
		v := key(i)
		at, ok := seen[string(v)]
		if !ok {
			at = len(seen)
			if uint64(at) >= capacity {
				return nil, errTooMany
			}
			seen[string(v)] = at
			firsts.Append(int64(i))
		}
		appendIndex(indices, at)
	}
	where := firsts.NewArray()
	defer where.Release()
	values, err := compute.TakeArrayOpts(compute.WithAllocator(context.Background(), out.mem), plain, where, compute.TakeOptions{})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", core.ErrUnsupported, t, err)
	}
	defer values.Release()
	idx := indices.NewArray()
	defer idx.Release()
	return array.NewDictionaryArray(t, idx, values), nil
}

// bytesOf gives a function that tells the values of an array by their bytes, nil for types that have none.
func bytesOf(arr arrow.Array) func(int) []byte {
	switch a := arr.(type) {
	case *array.String:
		return func(i int) []byte { return []byte(a.Value(i)) }
	case *array.LargeString:
		return func(i int) []byte { return []byte(a.Value(i)) }
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.Boolean:
		return func(i int) []byte {
			if a.Value(i) {
				return []byte{1}
			}
			return []byte{0}
		}
	}
	t, ok := arr.DataType().(arrow.FixedWidthDataType)
	if !ok || t.Bytes() == 0 {
		return nil
	}
	width, d := t.Bytes(), arr.Data()
	if d.Buffers()[1] == nil { // no rows, or nulls alone
		return func(int) []byte { return nil }
	}
	raw := d.Buffers()[1].Bytes()[d.Offset()*width:]
	return func(i int) []byte { return raw[i*width : (i+1)*width] }
}

// indexCapacity is how many values an index type can count.
func indexCapacity(t arrow.DataType) uint64 {
	bits := t.(arrow.FixedWidthDataType).BitWidth()
	if arrow.IsSignedInteger(t.ID()) {
		bits--
	}
	return 1 << min(bits, 62)
}

func appendIndex(b array.Builder, at int) {
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(at))
	case *array.Int16Builder:
		b.Append(int16(at))
	case *array.Int32Builder:
		b.Append(int32(at))
	case *array.Int64Builder:
		b.Append(int64(at))
	case *array.Uint8Builder:
		b.Append(uint8(at))
	case *array.Uint16Builder:
		b.Append(uint16(at))
	case *array.Uint32Builder:
		b.Append(uint32(at))
	case *array.Uint64Builder:
		b.Append(uint64(at))
	}
}
