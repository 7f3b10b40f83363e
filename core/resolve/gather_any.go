package resolve

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// gatherAny is the slow way for the types without one of their own (lists,
// maps, dictionaries, extensions): runs of neighbouring rows are sliced and
// concatenated.
func gatherAny(t arrow.DataType, column []arrow.Array, refs []ref) (arrow.Array, error) {
	if ext, ok := t.(arrow.ExtensionType); ok {
		storage := make([]arrow.Array, len(column))
		for i, a := range column {
			if a != nil {
				storage[i] = a.(array.ExtensionArray).Storage()
			}
		}
		arr, err := gather(ext.StorageType(), storage, refs)
		if err != nil {
			return nil, err
		}
		defer arr.Release()
		return array.NewExtensionArrayWithStorage(ext, arr), nil
	}
	var parts []arrow.Array
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	for i := 0; i < len(refs); {
		n := 1
		if refs[i] == none {
			for i+n < len(refs) && refs[i+n] == none {
				n++
			}
			parts = append(parts, array.MakeArrayOfNull(mem, t, n))
		} else {
			for i+n < len(refs) && refs[i+n] == refs[i]+ref(n) {
				n++
			}
			at := int64(refs[i].row())
			parts = append(parts, array.NewSlice(column[refs[i].block()], at, at+int64(n)))
		}
		i += n
	}
	if len(parts) == 0 {
		parts = append(parts, array.MakeArrayOfNull(mem, t, 0))
	}
	joined, err := array.Concatenate(parts, mem)
	if err != nil {
		return nil, err
	}
	defer joined.Release()
	return owned(joined), nil
}

// owned is a copy of arr that shares no memory with it, not even a dictionary.
func owned(arr arrow.Array) arrow.Array {
	data := ownedData(arr.Data())
	defer data.Release()
	return array.MakeFromData(data)
}

func ownedData(d arrow.ArrayData) arrow.ArrayData {
	buffers := make([]*memory.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b != nil {
			buffers[i] = memory.NewBufferBytes(bytes.Clone(b.Bytes()))
		}
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		children[i] = ownedData(c)
		defer children[i].Release()
	}
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		values := ownedData(dict).(*array.Data)
		defer values.Release()
		return array.NewDataWithDictionary(d.DataType(), d.Len(), buffers, d.NullN(), d.Offset(), values)
	}
	return array.NewData(d.DataType(), d.Len(), buffers, children, d.NullN(), d.Offset())
}
