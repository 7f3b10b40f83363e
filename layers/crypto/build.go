package crypto

import (
	"encoding/binary"
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

// build makes an array of cells; nil is null.
func build(t arrow.DataType, cells [][]byte) (arrow.Array, error) {
	s := newSink(t, len(cells))
	for _, c := range cells {
		if c == nil {
			s.null()
		} else if !s.put(c) {
			return nil, errMalformed
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

// elements of a composite value: 0 for null, else the length plus one.
func putElement(to sink, r *reader) bool {
	n := r.uvarint()
	if r.failed {
		return false
	}
	if n == 0 {
		to.null()
		return true
	}
	b := r.take(n - 1)
	return !r.failed && to.put(b)
}

type structSink struct {
	typ    arrow.DataType
	fields []sink
	valid  bitmap
}

func (s *structSink) null() {
	s.valid.add(false)
	for _, f := range s.fields {
		f.null()
	}
}

func (s *structSink) put(b []byte) bool {
	r := reader{b: b}
	for _, f := range s.fields {
		if !putElement(f, &r) {
			return false
		}
	}
	s.valid.add(true)
	return len(r.b) == 0
}

func (s *structSink) finish() (arrow.ArrayData, error) {
	var children []arrow.ArrayData
	for _, f := range s.fields {
		c, err := f.finish()
		if err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	return s.valid.data(s.typ, children), nil
}

type listSink struct {
	typ      arrow.DataType
	elements sink
	fixed    int // elements in each list, -1 when that varies
	count    int64
	ends     []int64
	valid    bitmap
}

func (s *listSink) null() {
	s.valid.add(false)
	for range max(0, s.fixed) {
		s.elements.null()
	}
	s.ends = append(s.ends, s.count)
}

func (s *listSink) put(b []byte) bool {
	r := reader{b: b}
	n := r.uvarint()
	if r.failed || s.fixed >= 0 && n != uint64(s.fixed) || n > uint64(len(r.b)) { // each element takes a byte at least
		return false
	}
	for range n {
		if !putElement(s.elements, &r) {
			return false
		}
	}
	s.count += int64(n)
	s.ends = append(s.ends, s.count)
	s.valid.add(true)
	return len(r.b) == 0
}

func (s *listSink) finish() (arrow.ArrayData, error) {
	child, err := s.elements.finish()
	if err != nil {
		return nil, err
	}
	children := []arrow.ArrayData{child}
	switch {
	case s.fixed >= 0:
		return s.valid.data(s.typ, children), nil
	case s.typ.ID() == arrow.LARGE_LIST:
		return s.valid.data(s.typ, children, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(s.ends))), nil
	case s.count > math.MaxInt32:
		return nil, errTooMany
	}
	ends := make([]int32, len(s.ends))
	for i, e := range s.ends {
		ends[i] = int32(e)
	}
	return s.valid.data(s.typ, children, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends))), nil
}

type dictionarySink struct {
	typ    *arrow.DictionaryType
	values sink
	at     map[string]int64
	index  []int64
	valid  bitmap
}

func (s *dictionarySink) null() {
	s.valid.add(false)
	s.index = append(s.index, 0)
}

func (s *dictionarySink) put(b []byte) bool {
	i, ok := s.at[string(b)]
	if !ok {
		if !s.values.put(b) {
			return false
		}
		i = int64(len(s.at))
		s.at[string(b)] = i
	}
	s.valid.add(true)
	s.index = append(s.index, i)
	return true
}

func (s *dictionarySink) finish() (arrow.ArrayData, error) {
	width := s.typ.IndexType.(arrow.FixedWidthDataType).BitWidth() / 8
	most := uint64(1)<<(8*width-1) - 1
	if arrow.IsUnsignedInteger(s.typ.IndexType.ID()) {
		most = most*2 + 1
	}
	if len(s.at) > 0 && uint64(len(s.at)-1) > most {
		return nil, errTooMany
	}
	raw := make([]byte, 0, len(s.index)*width)
	var word [8]byte
	for _, i := range s.index {
		binary.LittleEndian.PutUint64(word[:], uint64(i))
		raw = append(raw, word[:width]...)
	}
	values, err := s.values.finish()
	if err != nil {
		return nil, err
	}
	defer values.Release()
	var valid *memory.Buffer
	if s.valid.nulls > 0 {
		valid = memory.NewBufferBytes(s.valid.bits)
	}
	return array.NewDataWithDictionary(s.typ, s.valid.n, []*memory.Buffer{valid, memory.NewBufferBytes(raw)}, s.valid.nulls, 0, values.(*array.Data)), nil
}
