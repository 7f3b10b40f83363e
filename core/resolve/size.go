package resolve

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// batchBytes estimates the memory of a batch's own rows. A slice counts as
// what it shows, not as the buffers that it shares.
func batchBytes(b arrow.RecordBatch) int64 {
	var n int64
	for _, c := range b.Columns() {
		n += arrayBytes(c)
	}
	return n
}

func arrayBytes(arr arrow.Array) int64 {
	n := int64(arr.Len()) / 8
	switch a := arr.(type) {
	case *array.String:
		return n + 4*int64(a.Len()) + textBytes(a)
	case *array.Binary:
		return n + 4*int64(a.Len()) + textBytes(a)
	case *array.LargeString:
		return n + 8*int64(a.Len()) + textBytes(a)
	case *array.LargeBinary:
		return n + 8*int64(a.Len()) + textBytes(a)
	case *array.Struct:
		for i := range a.NumField() {
			n += arrayBytes(a.Field(i))
		}
		return n
	case *array.Dictionary:
		return n + arrayBytes(a.Indices()) + arrayBytes(a.Dictionary())
	}
	if t, ok := arr.DataType().(arrow.FixedWidthDataType); ok && isFlat(t) {
		return n + int64(arr.Len())*int64(t.BitWidth())/8
	}
	return n + int64(arr.Data().SizeInBytes())
}

func textBytes(a interface{ ValueBytes() []byte }) int64 { return int64(len(a.ValueBytes())) }
