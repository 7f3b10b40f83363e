package duckdb

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// list converts what has offsets and one child: lists and maps. The child is cut to what the offsets show, since a slice's child holds the
// elements of its neighbours too.
func (in inbound) list(d arrow.ArrayData) (arrow.Array, error) {
	n := d.Len()
	at := func(i int) int64 { return 0 }
	if n > 0 {
		if d.DataType().ID() == arrow.LARGE_LIST {
			raw := arrow.Int64Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
			at = func(i int) int64 { return raw[i] }
		} else {
			raw := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
			at = func(i int) int64 { return int64(raw[i]) }
		}
	}
	first, last := at(0), at(n)
	child := array.MakeFromData(d.Children()[0])
	defer child.Release()
	shown := array.NewSlice(child, first, last)
	defer shown.Release()
	elements, err := in.convert(shown)
	if err != nil {
		return nil, outer(err)
	}
	defer elements.Release()
	if last-first > 1<<31-1 {
		return nil, fmt.Errorf("%w: a batch with more than 2³¹ list elements in a column", core.ErrUnsupported)
	}
	return in.makeList(n, in.validity(d), d.NullN(), func(i int) int32 { return int32(at(i) - first) }, elements)
}

// makeList takes over valid.
func (in inbound) makeList(n int, valid *memory.Buffer, nulls int, at func(int) int32, elements arrow.Array) (arrow.Array, error) {
	if valid != nil {
		defer valid.Release()
	}
	offsets := memory.NewResizableBuffer(in.mem)
	defer offsets.Release()
	offsets.Resize(arrow.Int32Traits.BytesRequired(n + 1))
	raw := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	for i := range raw {
		raw[i] = at(i)
	}
	d := array.NewData(arrow.ListOf(elements.DataType()), n, []*memory.Buffer{valid, offsets}, []arrow.ArrayData{elements.Data()}, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

func (in inbound) fixedList(a *array.FixedSizeList) (arrow.Array, error) {
	width := int64(a.DataType().(*arrow.FixedSizeListType).Len())
	offset := int64(a.Data().Offset())
	child := array.MakeFromData(a.Data().Children()[0])
	defer child.Release()
	shown := array.NewSlice(child, offset*width, (offset+int64(a.Len()))*width)
	defer shown.Release()
	elements, err := in.convert(shown)
	if err != nil {
		return nil, outer(err)
	}
	defer elements.Release()
	return in.makeList(a.Len(), in.validity(a.Data()), a.NullN(), func(i int) int32 { return int32(int64(i) * width) }, elements)
}

func (in inbound) structs(a *array.Struct) (arrow.Array, error) {
	t := a.DataType().(*arrow.StructType)
	if t.NumFields() == 0 {
		b := array.NewBooleanBuilder(in.mem)
		defer b.Release()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(true)
			}
		}
		return b.NewArray(), nil
	}
	names := structNames(t)
	fields := make([]arrow.Field, t.NumFields())
	children := make([]arrow.Array, 0, t.NumFields())
	defer func() { releaseAll(children) }()
	for i := range t.NumFields() {
		child, err := in.convert(a.Field(i))
		if err != nil {
			return nil, err
		}
		children = append(children, child)
		fields[i] = arrow.Field{Name: names[i], Type: child.DataType(), Nullable: true}
	}
	return makeStruct(arrow.StructOf(fields...), a.Len(), in.validity(a.Data()), a.NullN(), children), nil
}

// makeStruct takes over valid, but not the children.
func makeStruct(t *arrow.StructType, n int, valid *memory.Buffer, nulls int, children []arrow.Array) arrow.Array {
	if valid != nil {
		defer valid.Release()
	}
	datas := make([]arrow.ArrayData, len(children))
	for i, c := range children {
		datas[i] = c.Data()
	}
	d := array.NewData(t, n, []*memory.Buffer{valid}, datas, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// outer forgets the place of an element: rows are counted by the column.
func outer(err error) error {
	if v := (*valueError)(nil); errors.As(err, &v) {
		return &valueError{-1, v.why}
	}
	return err
}

func releaseAll(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}
