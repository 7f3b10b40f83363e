package crypto

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// putElement reads an element of a composite value: 0 for null, else the
// length plus one.
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
