package resolve

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ref names a row of a side: the block in the upper half, the row within it in
// the lower.
type ref uint64

// none is the ref of a row that is not there.
const none = ^ref(0)

func makeRef(block, row int) ref { return ref(block)<<32 | ref(uint32(row)) }

func (r ref) block() int { return int(r >> 32) }
func (r ref) row() int   { return int(uint32(r)) }

// mem allocates what outlives a call: memory that the garbage collector frees.
var mem = memory.NewGoAllocator()

// gather copies the rows that refs name out of one column, given block by
// block; none becomes null. The type stays as it is. The result shares no
// memory with the column, which may belong to somebody who frees it.
func gather(t arrow.DataType, column []arrow.Array, refs []ref) (arrow.Array, error) {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return made(t, len(refs), validity(column, refs), bools(column, refs)), nil
	case *arrow.StringType, *arrow.BinaryType:
		valid := validity(column, refs)
		offsets, data, fits := texts(column, refs, valid)
		if fits {
			return made(t, len(refs), valid, offsets, data), nil
		}
	case *arrow.StructType:
		return structs(t, column, refs)
	case *arrow.StringViewType:
		b := array.NewStringViewBuilder(mem)
		defer b.Release()
		b.Reserve(len(refs))
		for _, r := range refs {
			if a, ok := valueAt(column, r); ok {
				b.Append(a.(*array.StringView).Value(r.row()))
			} else {
				b.AppendNull()
			}
		}
		return b.NewArray(), nil
	case *arrow.BinaryViewType:
		b := array.NewBinaryViewBuilder(mem)
		defer b.Release()
		b.Reserve(len(refs))
		for _, r := range refs {
			if a, ok := valueAt(column, r); ok {
				b.Append(a.(*array.BinaryView).Value(r.row()))
			} else {
				b.AppendNull()
			}
		}
		return b.NewArray(), nil
	case *arrow.DictionaryType, arrow.ExtensionType:
	case arrow.FixedWidthDataType:
		if w := t.BitWidth() / 8; w > 0 && t.BitWidth()%8 == 0 && isFlat(t) {
			return made(t, len(refs), validity(column, refs), fixed(column, refs, w)), nil
		}
	}
	return gatherAny(t, column, refs)
}

// isFlat tells fixed-width types with one buffer of values from nested ones.
func isFlat(t arrow.DataType) bool {
	_, nested := t.(arrow.NestedType)
	return !nested && t.ID() != arrow.NULL
}

func valueAt(column []arrow.Array, r ref) (arrow.Array, bool) {
	if r == none {
		return nil, false
	}
	a := column[r.block()]
	return a, a.IsValid(r.row())
}

func made(t arrow.DataType, n int, buffers ...*memory.Buffer) arrow.Array {
	nulls := 0
	if buffers[0] != nil {
		nulls = n - bitutil.CountSetBits(buffers[0].Bytes(), 0, n)
	}
	data := array.NewData(t, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// validity is nil when every row is there and valid.
func validity(column []arrow.Array, refs []ref) *memory.Buffer {
	some := false
	for _, a := range column {
		some = some || a != nil && a.NullN() > 0
	}
	if !some {
		for _, r := range refs {
			if r == none {
				some = true
				break
			}
		}
	}
	if !some {
		return nil
	}
	bits := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	all := true
	for i, r := range refs {
		if _, ok := valueAt(column, r); ok {
			bitutil.SetBit(bits, i)
		} else {
			all = false
		}
	}
	if all {
		return nil
	}
	return memory.NewBufferBytes(bits)
}

func bools(column []arrow.Array, refs []ref) *memory.Buffer {
	bits := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	for i, r := range refs {
		if a, ok := valueAt(column, r); ok && a.(*array.Boolean).Value(r.row()) {
			bitutil.SetBit(bits, i)
		}
	}
	return memory.NewBufferBytes(bits)
}

// raw gives the bytes of each block's values, from its first row on.
func raw(column []arrow.Array, width int) [][]byte {
	out := make([][]byte, len(column))
	for i, a := range column {
		if a != nil && a.Len() > 0 {
			if b := a.Data().Buffers()[1]; b != nil {
				out[i] = b.Bytes()[a.Data().Offset()*width:]
			}
		}
	}
	return out
}

func fixed(column []arrow.Array, refs []ref, width int) *memory.Buffer {
	from, out := raw(column, width), make([]byte, len(refs)*width)
	switch width {
	case 8:
		for i, r := range refs {
			if r != none {
				binary.NativeEndian.PutUint64(out[i*8:], binary.NativeEndian.Uint64(from[r.block()][r.row()*8:]))
			}
		}
	case 4:
		for i, r := range refs {
			if r != none {
				binary.NativeEndian.PutUint32(out[i*4:], binary.NativeEndian.Uint32(from[r.block()][r.row()*4:]))
			}
		}
	default:
		for i, r := range refs {
			if r != none {
				copy(out[i*width:(i+1)*width], from[r.block()][r.row()*width:])
			}
		}
	}
	return memory.NewBufferBytes(out)
}

// texts gathers strings and binaries with 32-bit offsets, unless they need
// more than those can count.
func texts(column []arrow.Array, refs []ref, valid *memory.Buffer) (offsets, data *memory.Buffer, fits bool) {
	starts, bytes := make([][]int32, len(column)), make([][]byte, len(column))
	for i, a := range column {
		switch a := a.(type) {
		case *array.String:
			starts[i] = a.ValueOffsets()
		case *array.Binary:
			starts[i] = a.ValueOffsets()
		default:
			continue
		}
		if b := a.Data().Buffers()[2]; b != nil {
			bytes[i] = b.Bytes()
		}
	}
	there := func(i int) bool { return valid == nil || bitutil.BitIsSet(valid.Bytes(), i) }
	var size int64
	for i, r := range refs {
		if there(i) {
			s := starts[r.block()]
			size += int64(s[r.row()+1] - s[r.row()])
		}
	}
	const most = 1<<31 - 1
	if size > most {
		return nil, nil, false
	}
	ends := make([]int32, len(refs)+1)
	out := make([]byte, 0, size)
	for i, r := range refs {
		if there(i) {
			s := starts[r.block()]
			out = append(out, bytes[r.block()][s[r.row()]:s[r.row()+1]]...)
		}
		ends[i+1] = int32(len(out))
	}
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)), memory.NewBufferBytes(out), true
}

func structs(t *arrow.StructType, column []arrow.Array, refs []ref) (arrow.Array, error) {
	valid := validity(column, refs)
	children := make([]arrow.ArrayData, 0, t.NumFields())
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	for f := range t.NumFields() {
		child := make([]arrow.Array, len(column))
		for i, a := range column {
			if a != nil {
				child[i] = a.(*array.Struct).Field(f)
			}
		}
		arr, err := gather(t.Field(f).Type, child, refs)
		if err != nil {
			return nil, err
		}
		children = append(children, arr.Data())
	}
	nulls := 0
	if valid != nil {
		nulls = len(refs) - bitutil.CountSetBits(valid.Bytes(), 0, len(refs))
	}
	data := array.NewData(t, len(refs), []*memory.Buffer{valid}, children, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}
