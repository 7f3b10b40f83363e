package crypto

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// appender appends the canonical bytes of a value that is not null:
//
//	numbers, dates, times, decimals   their bytes in memory, little endian
//	booleans                          0 or 1
//	strings, binary                   as they are
//	lists, maps                       the number of elements, then the elements
//	structs                           the fields in their order
//	dictionaries                      the value
//
// An element or field is a varint, 0 for null, else its length plus one, and
// its bytes. The same value always has the same bytes.
type appender func(dst []byte, row int) []byte

// value is an array that can be asked for nulls and canonical bytes.
type value struct {
	arr    arrow.Array
	append appender
	never  bool // no row is null
}

func valueOf(arr arrow.Array) (value, error) {
	f, err := appenderOf(arr)
	if err != nil {
		return value{}, err
	}
	v := value{arr: arr, append: f}
	id := arr.DataType().ID()
	v.never = arr.Data().NullN() == 0 && id != arrow.NULL && id != arrow.DICTIONARY
	return v, nil
}

func (v value) null(row int) bool { return !v.never && isNull(v.arr, row) }

// size guesses how many bytes the rows take.
func (v value) size(lo, hi int) int {
	if s, ok := v.arr.(interface{ ValueBytes() []byte }); ok && hi > lo {
		return len(s.ValueBytes()) * (hi - lo) / v.arr.Len()
	}
	return (hi - lo) * 16
}

func isNull(a arrow.Array, row int) bool {
	if a.DataType().ID() == arrow.NULL || a.IsNull(row) {
		return true
	}
	d, ok := a.(*array.Dictionary)
	return ok && isNull(d.Dictionary(), d.GetValueIndex(row))
}

func appenderOf(arr arrow.Array) (appender, error) {
	switch a := arr.(type) {
	case *array.Null:
		return func(dst []byte, _ int) []byte { return dst }, nil
	case *array.Boolean:
		return func(dst []byte, row int) []byte { return append(dst, boolByte(a.Value(row))) }, nil
	case *array.String:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.LargeString:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.StringView:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.Binary:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.LargeBinary:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.BinaryView:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.Dictionary:
		f, err := appenderOf(a.Dictionary())
		if err != nil {
			return nil, err
		}
		return func(dst []byte, row int) []byte { return f(dst, a.GetValueIndex(row)) }, nil
	case *array.Struct:
		return structAppender(a)
	case array.ListLike:
		return listAppender(a)
	}
	fixed, ok := arr.DataType().(arrow.FixedWidthDataType)
	if !ok || fixed.BitWidth()%8 != 0 || kindOf(arr.DataType()) == 0 {
		return nil, fmt.Errorf("%w: type %s cannot be encrypted", core.ErrUnsupported, arr.DataType())
	}
	width, data := fixed.BitWidth()/8, arr.Data()
	if data.Len() == 0 || data.Buffers()[1] == nil {
		return func(dst []byte, _ int) []byte { return dst }, nil
	}
	raw := data.Buffers()[1].Bytes()[data.Offset()*width:]
	return func(dst []byte, row int) []byte { return append(dst, raw[row*width:(row+1)*width]...) }, nil
}

func structAppender(a *array.Struct) (appender, error) {
	fields := make([]value, a.NumField())
	for i := range fields {
		var err error
		if fields[i], err = valueOf(a.Field(i)); err != nil {
			return nil, err
		}
	}
	return func(dst []byte, row int) []byte {
		for _, f := range fields {
			dst = f.element(dst, row)
		}
		return dst
	}, nil
}

func listAppender(a array.ListLike) (appender, error) {
	elements, err := valueOf(a.ListValues())
	if err != nil {
		return nil, err
	}
	return func(dst []byte, row int) []byte {
		from, to := a.ValueOffsets(row)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for i := from; i < to; i++ {
			dst = elements.element(dst, int(i))
		}
		return dst
	}, nil
}

// element appends a value with its length, or that it is null.
func (v value) element(dst []byte, row int) []byte {
	if v.null(row) {
		return append(dst, 0)
	}
	at := len(dst)
	dst = append(dst, 0) // one byte is enough for most lengths
	dst = v.append(dst, row)
	n := uint64(len(dst) - at - 1)
	if n+1 < 0x80 {
		dst[at] = byte(n + 1)
		return dst
	}
	var head [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(head[:], n+1)
	dst = append(dst, head[:k-1]...)
	copy(dst[at+k:], dst[at+1:at+1+int(n)])
	copy(dst[at:], head[:k])
	return dst
}
