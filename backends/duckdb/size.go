//go:build cgo && duckdb_arrow

package duckdb

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// sizeOf is the bytes of what an array shows.
func sizeOf(arr arrow.Array) (n int64) {
	switch a := arr.(type) {
	case *array.Struct:
		for i := range a.NumField() {
			n += sizeOf(a.Field(i))
		}
		return n + int64(arr.Len()+7)/8
	case *array.Dictionary:
		return sizeOf(a.Indices()) + sizeOf(a.Dictionary())
	case array.ExtensionArray:
		return sizeOf(a.Storage())
	case array.ListLike:
		if a.Len() == 0 {
			return 0
		}
		from, _ := a.ValueOffsets(0)
		_, to := a.ValueOffsets(a.Len() - 1)
		shown := array.NewSlice(a.ListValues(), from, max(from, to))
		defer shown.Release()
		return sizeOf(shown) + 4*int64(a.Len())
	case interface{ ValueBytes() []byte }:
		return int64(len(a.ValueBytes())) + 4*int64(arr.Len())
	}
	if t, ok := arr.DataType().(arrow.FixedWidthDataType); ok {
		return int64(arr.Len()) * int64(t.BitWidth()) / 8
	}
	for _, b := range arr.Data().Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	return n
}
