package crypto

import (
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// sink makes an array of canonical bytes: the inverse of an appender.
type sink interface {
	null()
	put(data []byte) bool // false: these are not the bytes of such a value
	finish() (arrow.ArrayData, error)
}

// errTooMany says that a batch is too large for its type: a dictionary with
// small indices, or 2 GiB of text. Half of it may do.
var errTooMany = errors.New("too many values for one batch")

// build makes an array of the canonical bytes of its values.
func build(t arrow.DataType, parts []*cells) (arrow.Array, error) {
	if t.ID() == arrow.STRING || t.ID() == arrow.BINARY {
		return join(t, parts)
	}
	n := 0
	for _, p := range parts {
		n += p.valid.n
	}
	s := newSink(t, n)
	for _, p := range parts {
		for row := range p.valid.n {
			if p.valid.bits[row/8]>>(row%8)&1 == 0 {
				s.null()
			} else if !s.put(p.data[p.offsets[row]:p.offsets[row+1]]) {
				return nil, errMalformed
			}
		}
	}
	data, err := s.finish()
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

func newSink(t arrow.DataType, n int) sink {
	valid := bitmap{bits: make([]byte, 0, (n+7)/8)}
	switch t := t.(type) {
	case *arrow.NullType:
		return &nullSink{}
	case *arrow.BooleanType:
		return &boolSink{valid: valid}
	case *arrow.StringType, *arrow.BinaryType:
		return &bytesSink{typ: t, valid: valid, offsets: append(make([]int32, 0, n+1), 0)}
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return &largeSink{typ: t, valid: valid, offsets: append(make([]int64, 0, n+1), 0)}
	case *arrow.StringViewType:
		return &viewSink[string]{b: array.NewStringViewBuilder(memory.DefaultAllocator)}
	case *arrow.BinaryViewType:
		return &viewSink[[]byte]{b: array.NewBinaryViewBuilder(memory.DefaultAllocator)}
	case *arrow.DictionaryType:
		return &dictionarySink{typ: t, values: newSink(t.ValueType, 0), at: map[string]int64{}, valid: valid}
	case *arrow.StructType:
		s := &structSink{typ: t, valid: valid}
		for _, f := range t.Fields() {
			s.fields = append(s.fields, newSink(f.Type, n))
		}
		return s
	case *arrow.FixedSizeListType:
		return &listSink{typ: t, elements: newSink(t.Elem(), n), fixed: int(t.Len()), valid: valid}
	case arrow.ListLikeType:
		return &listSink{typ: t, elements: newSink(t.Elem(), n), fixed: -1, ends: append(make([]int64, 0, n+1), 0), valid: valid}
	case arrow.FixedWidthDataType:
		return &fixedSink{typ: t, width: t.BitWidth() / 8, valid: valid, data: make([]byte, 0, n*t.BitWidth()/8)}
	}
	return &nullSink{refuses: true}
}

// bitmap collects validity.
type bitmap struct {
	bits     []byte
	n, nulls int
}

func (b *bitmap) add(ok bool) {
	if b.n%8 == 0 {
		b.bits = append(b.bits, 0)
	}
	if ok {
		b.bits[b.n/8] |= 1 << (b.n % 8)
	} else {
		b.nulls++
	}
	b.n++
}

// data makes array data with the validity as the first buffer.
func (b *bitmap) data(t arrow.DataType, children []arrow.ArrayData, buffers ...*memory.Buffer) arrow.ArrayData {
	var valid *memory.Buffer
	if b.nulls > 0 {
		valid = memory.NewBufferBytes(b.bits)
	}
	d := array.NewData(t, b.n, append([]*memory.Buffer{valid}, buffers...), children, b.nulls, 0)
	for _, c := range children {
		c.Release()
	}
	return d
}

type nullSink struct {
	n       int
	refuses bool
}

func (s *nullSink) null()           { s.n++ }
func (s *nullSink) put([]byte) bool { s.n++; return !s.refuses }
func (s *nullSink) finish() (arrow.ArrayData, error) {
	return array.NewData(arrow.Null, s.n, []*memory.Buffer{nil}, nil, s.n, 0), nil
}

type boolSink struct{ valid, values bitmap }

func (s *boolSink) null() { s.valid.add(false); s.values.add(false) }

func (s *boolSink) put(b []byte) bool {
	if len(b) != 1 || b[0] > 1 {
		return false
	}
	s.valid.add(true)
	s.values.add(b[0] == 1)
	return true
}

func (s *boolSink) finish() (arrow.ArrayData, error) {
	return s.valid.data(arrow.FixedWidthTypes.Boolean, nil, memory.NewBufferBytes(s.values.bits)), nil
}

type fixedSink struct {
	typ   arrow.DataType
	width int
	valid bitmap
	data  []byte
}

func (s *fixedSink) null() {
	s.valid.add(false)
	for range s.width {
		s.data = append(s.data, 0)
	}
}

func (s *fixedSink) put(b []byte) bool {
	if len(b) != s.width {
		return false
	}
	s.valid.add(true)
	s.data = append(s.data, b...)
	return true
}

func (s *fixedSink) finish() (arrow.ArrayData, error) {
	return s.valid.data(s.typ, nil, memory.NewBufferBytes(s.data)), nil
}

type bytesSink struct {
	typ     arrow.DataType
	valid   bitmap
	offsets []int32
	data    []byte
	over    bool
}

func (s *bytesSink) null() {
	s.valid.add(false)
	s.offsets = append(s.offsets, int32(len(s.data)))
}

func (s *bytesSink) put(b []byte) bool {
	if len(s.data)+len(b) > math.MaxInt32 {
		s.over = true
		return true
	}
	s.valid.add(true)
	s.data = append(s.data, b...)
	s.offsets = append(s.offsets, int32(len(s.data)))
	return true
}

func (s *bytesSink) finish() (arrow.ArrayData, error) {
	if s.over {
		return nil, errTooMany
	}
	return s.valid.data(s.typ, nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(s.offsets)), memory.NewBufferBytes(s.data)), nil
}

type largeSink struct {
	typ     arrow.DataType
	valid   bitmap
	offsets []int64
	data    []byte
}

func (s *largeSink) null() {
	s.valid.add(false)
	s.offsets = append(s.offsets, int64(len(s.data)))
}

func (s *largeSink) put(b []byte) bool {
	s.valid.add(true)
	s.data = append(s.data, b...)
	s.offsets = append(s.offsets, int64(len(s.data)))
	return true
}

func (s *largeSink) finish() (arrow.ArrayData, error) {
	return s.valid.data(s.typ, nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(s.offsets)), memory.NewBufferBytes(s.data)), nil
}

// viewBuilder is what the builders of both view types have.
type viewBuilder[T any] interface {
	array.Builder
	Append(T)
}

type viewSink[T string | []byte] struct{ b viewBuilder[T] }

func (s *viewSink[T]) null() { s.b.AppendNull() }

func (s *viewSink[T]) put(b []byte) bool {
	s.b.Append(T(b))
	return true
}

func (s *viewSink[T]) finish() (arrow.ArrayData, error) {
	defer s.b.Release()
	arr := s.b.NewArray()
	defer arr.Release()
	arr.Data().Retain()
	return arr.Data(), nil
}
