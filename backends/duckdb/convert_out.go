package duckdb

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// outbound turns what DuckDB returns back into arrays of the type that was written. The arrays it takes have no offset, because they come
// out of array.Concatenate. The results are the caller's to release.
type outbound struct{ mem memory.Allocator }

// errTooMany says that a batch has more distinct values than the type of a dictionary's indices can count. Fewer rows at a time have fewer.
var errTooMany = errors.New("too many distinct values for the dictionary")

func (out outbound) convert(arr arrow.Array, t arrow.DataType) (arrow.Array, error) {
	if arr.Len() == 0 {
		return out.empty(t), nil // what came may have no buffers
	}
	switch t := t.(type) {
	case *arrow.NullType:
		return array.NewNull(arr.Len()), nil
	case *arrow.Float16Type:
		return out.halves(arr)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return out.wide(arr, t), nil
	case *arrow.StringViewType, *arrow.BinaryViewType:
		return out.views(arr, t)
	case *arrow.Date64Type, *arrow.Time64Type, *arrow.DurationType, *arrow.Time32Type, *arrow.TimestampType:
		return reinterpret(arr, t), nil
	case *arrow.Decimal32Type, *arrow.Decimal64Type, *arrow.Decimal128Type:
		return out.decimals(arr, t.(arrow.DecimalType))
	case *arrow.Decimal256Type, *arrow.MonthIntervalType, *arrow.DayTimeIntervalType, *arrow.MonthDayNanoIntervalType, *arrow.FixedSizeBinaryType:
		return out.opaque(arr, t.(arrow.FixedWidthDataType))
	case *arrow.DictionaryType:
		return out.dictionary(arr, t)
	case arrow.ExtensionType:
		storage, err := out.convert(arr, t.StorageType())
		if err != nil {
			return nil, err
		}
		defer storage.Release()
		return array.NewExtensionArrayWithStorage(t, storage), nil
	case *arrow.ListType, *arrow.LargeListType, *arrow.MapType:
		return out.list(arr, t.(arrow.ListLikeType))
	case *arrow.FixedSizeListType:
		return out.fixedList(arr, t)
	case *arrow.StructType:
		return out.structs(arr, t)
	}
	if arr.DataType().ID() != t.ID() {
		return nil, fmt.Errorf("%w: the database returns %s for %s", core.ErrIntegrity, arr.DataType(), t)
	}
	arr.Retain()
	return arr, nil
}

// empty makes an array without values. Arrow's builders and MakeArrayOfNull each lack some types.
func (out outbound) empty(t arrow.DataType) arrow.Array {
	switch t := t.(type) {
	case *arrow.NullType:
		return array.NewNull(0)
	case arrow.ExtensionType:
		storage := out.empty(t.StorageType())
		defer storage.Release()
		return array.NewExtensionArrayWithStorage(t, storage)
	case *arrow.DictionaryType:
		indices, values := out.empty(t.IndexType), out.empty(t.ValueType)
		defer indices.Release()
		defer values.Release()
		return array.NewDictionaryArray(t, indices, values)
	case *arrow.StructType:
		children := make([]arrow.Array, t.NumFields())
		defer func() { releaseAll(children) }()
		for i, f := range t.Fields() {
			children[i] = out.empty(f.Type)
		}
		return makeStruct(t, 0, nil, 0, children)
	case *arrow.ListType, *arrow.LargeListType, *arrow.MapType, *arrow.FixedSizeListType:
		child := out.empty(t.(arrow.ListLikeType).Elem())
		defer child.Release()
		buffers := []*memory.Buffer{nil}
		if t.ID() != arrow.FIXED_SIZE_LIST {
			offsets := memory.NewResizableBuffer(out.mem)
			defer offsets.Release()
			offsets.Resize(arrow.Int64SizeBytes) // one offset of either width
			clear(offsets.Bytes())
			buffers = append(buffers, offsets)
		}
		d := array.NewData(t, 0, buffers, []arrow.ArrayData{child.Data()}, 0, 0)
		defer d.Release()
		return array.MakeFromData(d)
	}
	b := array.NewBuilder(out.mem, t)
	defer b.Release()
	return b.NewArray()
}

func (out outbound) halves(arr arrow.Array) (arrow.Array, error) {
	a, ok := arr.(*array.Float32)
	if !ok {
		return nil, mismatch(arr, arrow.FixedWidthTypes.Float16)
	}
	b := array.NewFloat16Builder(out.mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(float16.New(a.Value(i)))
		}
	}
	return b.NewArray(), nil
}

// wide makes 64-bit offsets.
func (out outbound) wide(arr arrow.Array, t arrow.DataType) arrow.Array {
	d := arr.Data()
	offsets := memory.NewResizableBuffer(out.mem)
	defer offsets.Release()
	offsets.Resize(arrow.Int64Traits.BytesRequired(d.Len() + 1))
	wide := arrow.Int64Traits.CastFromBytes(offsets.Bytes())
	if d.Len() > 0 {
		for i, at := range arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[:d.Len()+1] {
			wide[i] = int64(at)
		}
	}
	last := d.Buffers()[2:]
	buffers := []*memory.Buffer{d.Buffers()[0], offsets}
	same := array.NewData(t, d.Len(), append(buffers, last...), d.Children(), d.NullN(), 0)
	defer same.Release()
	return array.MakeFromData(same)
}

func (out outbound) views(arr arrow.Array, t arrow.DataType) (arrow.Array, error) {
	var value func(int) []byte
	switch a := arr.(type) {
	case *array.String:
		value = func(i int) []byte { return []byte(a.Value(i)) }
	case *array.Binary:
		value = a.Value
	default:
		return nil, mismatch(arr, t)
	}
	b := array.NewBinaryViewBuilder(out.mem)
	defer b.Release()
	for i := range arr.Len() {
		if arr.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(value(i))
		}
	}
	made := b.NewArray()
	defer made.Release()
	d := made.Data()
	same := array.NewData(t, d.Len(), d.Buffers(), nil, d.NullN(), 0)
	defer same.Release()
	return array.MakeFromData(same), nil
}

func (out outbound) decimals(arr arrow.Array, t arrow.DecimalType) (arrow.Array, error) {
	if s := t.GetScale(); s < 0 || s > t.GetPrecision() {
		return out.opaque(arr, t.(arrow.FixedWidthDataType))
	}
	a, ok := arr.(*array.Decimal128)
	if !ok {
		return nil, mismatch(arr, t)
	}
	b := array.NewBuilder(out.mem, t)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		switch b := b.(type) {
		case *array.Decimal32Builder:
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(decimal.Decimal32(int32(a.Value(i).LowBits())))
			}
		case *array.Decimal64Builder:
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(decimal.Decimal64(int64(a.Value(i).LowBits())))
			}
		default:
			return reinterpret(arr, t), nil
		}
	}
	return b.NewArray(), nil
}

// opaque turns bytes back into values of a fixed width.
func (out outbound) opaque(arr arrow.Array, t arrow.FixedWidthDataType) (arrow.Array, error) {
	a, ok := arr.(*array.Binary)
	if !ok {
		return nil, mismatch(arr, t)
	}
	width := t.Bytes()
	values := memory.NewResizableBuffer(out.mem)
	defer values.Release()
	values.Resize(width * a.Len())
	for i := range a.Len() {
		dst := values.Bytes()[i*width : (i+1)*width]
		if a.IsNull(i) {
			clear(dst)
			continue
		}
		if v := a.Value(i); len(v) != width {
			return nil, fmt.Errorf("%w: a value of %s has %d bytes", core.ErrIntegrity, t, len(v))
		}
		copy(dst, a.Value(i))
	}
	d := array.NewData(t, a.Len(), []*memory.Buffer{a.Data().Buffers()[0], values}, nil, a.NullN(), 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

func mismatch(arr arrow.Array, t arrow.DataType) error {
	return fmt.Errorf("%w: the database returns %s for %s", core.ErrIntegrity, arr.DataType(), t)
}
