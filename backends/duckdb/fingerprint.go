package duckdb

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"
)

// fingerprint tells whether two writes brought the same rows in the same order, however they were cut into batches and whatever the order
// of their columns. It guards against mistakes, not against an adversary.
type fingerprint struct {
	columns []*columnPrint
	rows    int64
}

// columnPrint digests one column: what is null and how long values are apart from the values, so that no two columns run into each other.
type columnPrint struct {
	shape, values *xxh3.Hasher
	children      []*columnPrint
	buf           []byte
}

func newColumnPrint() *columnPrint {
	return &columnPrint{shape: xxh3.New(), values: xxh3.New()}
}

// add takes converted columns, in the order of the table.
func (f *fingerprint) add(columns []arrow.Array, rows int64) {
	for len(f.columns) < len(columns) {
		f.columns = append(f.columns, newColumnPrint())
	}
	for i, c := range columns {
		f.columns[i].add(c)
	}
	f.rows += rows
}

// sum digests everything added, and some text that belongs to it.
func (f *fingerprint) sum(text string) string {
	h := xxh3.New()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(f.rows))
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(text)
	for _, c := range f.columns {
		c.finish(h)
	}
	sum := h.Sum128().Bytes()
	return hex.EncodeToString(sum[:])
}

func (c *columnPrint) finish(h *xxh3.Hasher) {
	for _, part := range []*xxh3.Hasher{c.shape, c.values} {
		sum := part.Sum128().Bytes()
		_, _ = h.Write(sum[:])
	}
	for _, child := range c.children {
		child.finish(h)
	}
}

func (c *columnPrint) child(i int) *columnPrint {
	for len(c.children) <= i {
		c.children = append(c.children, newColumnPrint())
	}
	return c.children[i]
}

func (c *columnPrint) add(arr arrow.Array) {
	n := arr.Len()
	c.buf = c.buf[:0]
	for i := range n {
		if arr.IsNull(i) {
			c.buf = append(c.buf, 0)
		} else {
			c.buf = append(c.buf, 1)
		}
	}
	_, _ = c.shape.Write(c.buf)
	switch a := arr.(type) {
	case *array.Struct:
		for i := range a.NumField() {
			c.child(i).add(a.Field(i))
		}
	case array.ListLike:
		for i := range n {
			if arr.IsNull(i) {
				continue
			}
			from, to := a.ValueOffsets(i)
			c.length(int(to - from))
			shown := array.NewSlice(a.ListValues(), from, to)
			c.child(0).add(shown)
			shown.Release()
		}
	default:
		c.plain(arr)
	}
}

func (c *columnPrint) plain(arr arrow.Array) {
	value := bytesOf(arr)
	if value == nil {
		return
	}
	_, fixed := arr.DataType().(arrow.FixedWidthDataType)
	for i := range arr.Len() {
		if arr.IsNull(i) {
			continue
		}
		v := value(i)
		if !fixed {
			c.length(len(v))
		}
		_, _ = c.values.Write(v)
	}
}

func (c *columnPrint) length(n int) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(n))
	_, _ = c.shape.Write(b[:])
}
