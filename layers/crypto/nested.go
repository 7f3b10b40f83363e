package crypto

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// at gives the array at a path of struct fields, in which a row is null also
// where a struct around it is. The caller releases it.
func at(arr arrow.Array, path []string) (arrow.Array, error) {
	if len(path) == 0 {
		arr.Retain()
		return arr, nil
	}
	s, i, err := structAt(arr, path[0])
	if err != nil {
		return nil, err
	}
	inner, err := at(s.Field(i), path[1:])
	if err != nil || s.Data().NullN() == 0 {
		return inner, err
	}
	defer inner.Release()
	return hide(inner, s), nil
}

// hide makes the rows of an array null where a struct around it is.
func hide(inner arrow.Array, around *array.Struct) arrow.Array {
	var valid bitmap
	for row := range inner.Len() {
		valid.add(around.IsValid(row) && inner.IsValid(row))
	}
	old := inner.Data()
	offset := old.Offset()
	bits := make([]byte, bitutil.BytesForBits(int64(offset+valid.n)))
	bitutil.CopyBitmap(valid.bits, 0, valid.n, bits, offset)
	buffers := append([]*memory.Buffer{memory.NewBufferBytes(bits)}, old.Buffers()[1:]...)
	var data *array.Data
	if inner.DataType().ID() == arrow.DICTIONARY {
		data = array.NewDataWithDictionary(inner.DataType(), valid.n, buffers, valid.nulls, offset, old.Dictionary().(*array.Data))
	} else {
		data = array.NewData(inner.DataType(), valid.n, buffers, old.Children(), valid.nulls, offset)
	}
	defer data.Release()
	return array.MakeFromData(data)
}

// put replaces the array at a path. The caller releases the result.
func put(arr arrow.Array, path []string, with arrow.Array, typ arrow.DataType) (arrow.Array, error) {
	if len(path) == 0 {
		with.Retain()
		return with, nil
	}
	s, i, err := structAt(arr, path[0])
	if err != nil {
		return nil, err
	}
	st, ok := typ.(*arrow.StructType)
	if !ok || st.NumFields() != s.NumField() {
		return nil, integrityf("a struct has other fields than its schema says")
	}
	inner, err := put(s.Field(i), path[1:], with, st.Field(i).Type)
	if err != nil {
		return nil, err
	}
	defer inner.Release()
	children := make([]arrow.ArrayData, s.NumField())
	for k := range children {
		children[k] = s.Field(k).Data()
	}
	children[i] = inner.Data()
	var valid bitmap
	for row := range s.Len() {
		valid.add(s.IsValid(row))
	}
	var bits *memory.Buffer
	if valid.nulls > 0 {
		bits = memory.NewBufferBytes(valid.bits)
	}
	types := make([]arrow.Field, len(children))
	for k := range children {
		types[k] = s.DataType().(*arrow.StructType).Field(k)
	}
	types[i] = st.Field(i)
	data := array.NewData(arrow.StructOf(types...), s.Len(), []*memory.Buffer{bits}, children, valid.nulls, 0)
	defer data.Release()
	return array.NewStructData(data), nil
}

func structAt(arr arrow.Array, field string) (*array.Struct, int, error) {
	s, ok := arr.(*array.Struct)
	if ok {
		for i, f := range s.DataType().(*arrow.StructType).Fields() {
			if f.Name == field {
				return s, i, nil
			}
		}
	}
	return nil, 0, integrityf("there is no field %q where a protected one should be", field)
}
