package duckdb

import (
	"context"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// inbound turns arrays into ones that DuckDB reads as what is kept. Most pass as they are. The results are the caller's to release.
type inbound struct{ mem memory.Allocator }

// convert handles one array. A value that DuckDB would not keep is an error that matches ErrInvalid.
func (in inbound) convert(arr arrow.Array) (arrow.Array, error) {
	switch a := arr.(type) {
	case *array.Null:
		return array.MakeArrayOfNull(in.mem, arrow.FixedWidthTypes.Boolean, a.Len()), nil
	case *array.Float16:
		return in.halves(a), nil
	case *array.String, *array.LargeString:
		if row := invalidText(arr); row >= 0 {
			return nil, &valueError{row, "is not valid UTF-8"}
		}
		if arr.DataType().ID() == arrow.LARGE_STRING {
			return in.narrow(arr.Data(), arrow.BinaryTypes.String)
		}
	case *array.LargeBinary:
		return in.narrow(a.Data(), arrow.BinaryTypes.Binary)
	case *array.StringView:
		return in.views(a.Len(), a.IsNull, func(i int) []byte { return []byte(a.Value(i)) }, arrow.BinaryTypes.String)
	case *array.BinaryView:
		return in.views(a.Len(), a.IsNull, a.Value, arrow.BinaryTypes.Binary)
	case *array.Date64, *array.Time64, *array.Duration:
		return reinterpret(arr, arrow.PrimitiveTypes.Int64), nil
	case *array.Time32:
		return reinterpret(arr, arrow.PrimitiveTypes.Int32), nil
	case *array.Timestamp:
		if t := a.DataType().(*arrow.TimestampType); t.TimeZone != "" {
			k, _ := keep(t)
			return reinterpret(arr, k.typ), nil
		}
	case *array.Decimal32, *array.Decimal64, *array.Decimal128:
		return in.decimals(arr)
	case *array.Decimal256, *array.MonthInterval, *array.DayTimeInterval, *array.MonthDayNanoInterval, *array.FixedSizeBinary:
		return in.opaque(arr)
	case *array.Dictionary:
		plain, err := compute.TakeArrayOpts(compute.WithAllocator(context.Background(), in.mem), a.Dictionary(), a.Indices(), compute.TakeOptions{})
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", core.ErrUnsupported, a.DataType(), err)
		}
		defer plain.Release()
		return in.convert(plain)
	case array.ExtensionArray:
		return in.convert(a.Storage())
	case *array.Map:
		return in.list(a.Data())
	case *array.List, *array.LargeList:
		return in.list(arr.Data())
	case *array.FixedSizeList:
		return in.fixedList(a)
	case *array.Struct:
		return in.structs(a)
	}
	arr.Retain()
	return arr, nil
}

// valueError is a value that cannot be kept, by its row in the array.
type valueError struct {
	row int
	why string
}

func (e *valueError) Error() string { return "a value " + e.why }

// invalidText gives the first text that is not UTF-8, or -1.
func invalidText(arr arrow.Array) int {
	type texts interface {
		ValueBytes() []byte
		Value(int) string
	}
	a := arr.(texts)
	if utf8.Valid(a.ValueBytes()) {
		return -1
	}
	for i := range arr.Len() {
		if arr.IsValid(i) && !utf8.ValidString(a.Value(i)) {
			return i
		}
	}
	return -1
}

// narrow makes 32-bit offsets.
func (in inbound) narrow(d arrow.ArrayData, t arrow.DataType) (arrow.Array, error) {
	offsets := memory.NewResizableBuffer(in.mem)
	defer offsets.Release()
	offsets.Resize(arrow.Int32Traits.BytesRequired(d.Len() + 1))
	narrow := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	values := memory.NewBufferBytes(nil)
	if d.Len() > 0 {
		wide := arrow.Int64Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
		first, last := wide[0], wide[d.Len()]
		if last-first > math.MaxInt32 {
			return nil, errLarge
		}
		for i, at := range wide {
			narrow[i] = int32(at - first)
		}
		if d.Buffers()[2] != nil {
			values = memory.SliceBuffer(d.Buffers()[2], int(first), int(last-first))
		}
	} else {
		clear(narrow)
	}
	defer values.Release()
	valid := in.validity(d)
	if valid != nil {
		defer valid.Release()
	}
	out := array.NewData(t, d.Len(), []*memory.Buffer{valid, offsets, values}, nil, d.NullN(), 0)
	defer out.Release()
	return array.MakeFromData(out), nil
}

// errLarge is a limit of Arrow's 32-bit offsets, which DuckDB uses.
var errLarge = fmt.Errorf("%w: a batch with more than 2 GiB in a column; write smaller batches", core.ErrUnsupported)

// reinterpret gives the same bytes another type of the same width.
func reinterpret(arr arrow.Array, t arrow.DataType) arrow.Array {
	d := arr.Data()
	same := array.NewData(t, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer same.Release()
	return array.MakeFromData(same)
}

func (in inbound) halves(a *array.Float16) arrow.Array {
	b := array.NewFloat32Builder(in.mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(a.Value(i).Float32())
		}
	}
	return b.NewArray()
}

func (in inbound) views(n int, null func(int) bool, value func(int) []byte, t arrow.BinaryDataType) (arrow.Array, error) {
	b := array.NewBinaryBuilder(in.mem, t)
	defer b.Release()
	b.Reserve(n)
	for i := range n {
		if null(i) {
			b.AppendNull()
			continue
		}
		v := value(i)
		if t.IsUtf8() && !utf8.Valid(v) {
			return nil, &valueError{i, "is not valid UTF-8"}
		}
		b.Append(v)
	}
	return b.NewArray(), nil
}

// decimals checks that the digits fit, which Arrow does not and DuckDB silently cuts.
func (in inbound) decimals(arr arrow.Array) (arrow.Array, error) {
	dec := arr.DataType().(arrow.DecimalType)
	p, s := dec.GetPrecision(), dec.GetScale()
	if s < 0 || s > p {
		return in.opaque(arr)
	}
	value := func(i int) decimal128.Num { return arr.(*array.Decimal128).Value(i) }
	switch a := arr.(type) {
	case *array.Decimal32:
		value = func(i int) decimal128.Num { return decimal128.FromI64(int64(a.Value(i))) }
	case *array.Decimal64:
		value = func(i int) decimal128.Num { return decimal128.FromI64(int64(a.Value(i))) }
	}
	for i := range arr.Len() {
		if arr.IsValid(i) && !value(i).FitsInPrecision(p) {
			return nil, &valueError{i, fmt.Sprintf("has more than %d digits", p)}
		}
	}
	if arr.DataType().ID() == arrow.DECIMAL128 {
		arr.Retain()
		return arr, nil
	}
	b := array.NewDecimal128Builder(in.mem, &arrow.Decimal128Type{Precision: p, Scale: s})
	defer b.Release()
	b.Reserve(arr.Len())
	for i := range arr.Len() {
		if arr.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(value(i))
		}
	}
	return b.NewArray(), nil
}

// opaque turns values of a fixed width into bytes.
func (in inbound) opaque(arr arrow.Array) (arrow.Array, error) {
	width := arr.DataType().(arrow.FixedWidthDataType).Bytes()
	d := arr.Data()
	if width > 0 && arr.Len() > math.MaxInt32/width {
		return nil, errLarge
	}
	offsets := memory.NewResizableBuffer(in.mem)
	defer offsets.Release()
	offsets.Resize(arrow.Int32Traits.BytesRequired(arr.Len() + 1))
	for i := range arrow.Int32Traits.CastFromBytes(offsets.Bytes()) {
		arrow.Int32Traits.CastFromBytes(offsets.Bytes())[i] = int32(i * width)
	}
	values := memory.NewResizableBuffer(in.mem)
	defer values.Release()
	if n := width * arr.Len(); n > 0 {
		values.Resize(n)
		copy(values.Bytes(), d.Buffers()[1].Bytes()[d.Offset()*width:])
	}
	valid := in.validity(d)
	if valid != nil {
		defer valid.Release()
	}
	out := array.NewData(arrow.BinaryTypes.Binary, arr.Len(), []*memory.Buffer{valid, offsets, values}, nil, arr.NullN(), 0)
	defer out.Release()
	return array.MakeFromData(out), nil
}

// validity copies the bitmap of a slice so that it begins with the first value; nil when nothing is null.
func (in inbound) validity(d arrow.ArrayData) *memory.Buffer {
	if len(d.Buffers()) == 0 || d.Buffers()[0] == nil || d.NullN() == 0 {
		return nil
	}
	b := memory.NewResizableBuffer(in.mem)
	b.Resize(int(bitutil.BytesForBits(int64(d.Len()))))
	bitutil.CopyBitmap(d.Buffers()[0].Bytes(), d.Offset(), d.Len(), b.Bytes(), 0)
	return b
}
