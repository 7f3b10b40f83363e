package duckdb

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// list makes lists, large lists and maps.
func (out outbound) list(arr arrow.Array, t arrow.ListLikeType) (arrow.Array, error) {
	a, ok := arr.(*array.List)
	if !ok {
		return nil, mismatch(arr, t)
	}
	elements, err := out.convert(a.ListValues(), t.Elem())
	if err != nil {
		return nil, err
	}
	defer elements.Release()
	d := a.Data()
	d2 := array.NewData(arrow.ListOf(elements.DataType()), d.Len(), d.Buffers(), []arrow.ArrayData{elements.Data()}, d.NullN(), 0)
	defer d2.Release()
	if t.ID() == arrow.LARGE_LIST {
		plain := array.MakeFromData(d2)
		defer plain.Release()
		return out.wide(plain, t), nil
	}
	same := array.NewData(t, d.Len(), d.Buffers(), []arrow.ArrayData{elements.Data()}, d.NullN(), 0)
	defer same.Release()
	return array.MakeFromData(same), nil
}

// fixedList fills in the elements that null lists have in Arrow and not in DuckDB.
func (out outbound) fixedList(arr arrow.Array, t *arrow.FixedSizeListType) (arrow.Array, error) {
	a, ok := arr.(*array.List)
	if !ok {
		return nil, mismatch(arr, t)
	}
	width := int64(t.Len())
	var pieces []arrow.Array
	defer func() { releaseAll(pieces) }()
	begin := int64(0) // of a run of lists without a null
	cut := func(i int) {
		if from, to := a.Offsets()[begin], a.Offsets()[i]; to > from {
			pieces = append(pieces, array.NewSlice(a.ListValues(), int64(from), int64(to)))
		}
	}
	for i := range a.Len() {
		switch {
		case a.IsNull(i):
			cut(i)
			begin = int64(i) + 1
			pieces = append(pieces, array.MakeArrayOfNull(out.mem, a.ListValues().DataType(), int(width)))
		case int64(a.Offsets()[i+1]-a.Offsets()[i]) != width:
			return nil, fmt.Errorf("%w: a value of %s has %d elements", core.ErrIntegrity, t, a.Offsets()[i+1]-a.Offsets()[i])
		}
	}
	if a.Len() > 0 && begin < int64(a.Len()) {
		cut(a.Len())
	}
	if len(pieces) == 0 {
		pieces = append(pieces, array.NewSlice(a.ListValues(), 0, 0))
	}
	flat, err := array.Concatenate(pieces, out.mem)
	if err != nil {
		return nil, err
	}
	defer flat.Release()
	elements, err := out.convert(flat, t.Elem())
	if err != nil {
		return nil, err
	}
	defer elements.Release()
	d := array.NewData(t, a.Len(), []*memory.Buffer{a.Data().Buffers()[0]}, []arrow.ArrayData{elements.Data()}, a.NullN(), 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

func (out outbound) structs(arr arrow.Array, t *arrow.StructType) (arrow.Array, error) {
	valid := arr.Data().Buffers()[0]
	if valid != nil {
		valid.Retain() // makeStruct takes it over
	}
	if t.NumFields() == 0 {
		return makeStruct(t, arr.Len(), valid, arr.NullN(), nil), nil
	}
	a, ok := arr.(*array.Struct)
	if !ok || a.NumField() != t.NumFields() {
		if valid != nil {
			valid.Release()
		}
		return nil, mismatch(arr, t)
	}
	children := make([]arrow.Array, 0, t.NumFields())
	defer func() { releaseAll(children) }()
	for i, f := range t.Fields() {
		child, err := out.convert(a.Field(i), f.Type)
		if err != nil {
			if valid != nil {
				valid.Release()
			}
			return nil, err
		}
		children = append(children, child)
	}
	return makeStruct(t, arr.Len(), valid, arr.NullN(), children), nil
}
