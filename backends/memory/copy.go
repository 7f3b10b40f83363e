package memory

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// copier copies arrays into memory of the store, so that nothing of the
// caller's is kept: his buffers may change or vanish after Write.
type copier struct {
	mem arrowmem.Allocator
	// done are buffers that many chunks share: dictionaries and the texts of
	// string views. The originals are retained so that no other takes their place.
	done map[*arrowmem.Buffer]*arrowmem.Buffer
}

func newCopier(mem arrowmem.Allocator) *copier {
	return &copier{mem: mem, done: map[*arrowmem.Buffer]*arrowmem.Buffer{}}
}

func (c *copier) close() {
	for from, to := range c.done {
		from.Release()
		to.Release()
	}
	clear(c.done)
}

// column copies the parts into one array. Concatenating also cuts slices down
// to what they show.
func (c *copier) column(parts []arrow.Array) (arrow.Array, error) {
	arr, err := array.Concatenate(parts, c.mem)
	if err != nil || !sharesBuffers(arr.DataType()) {
		return arr, err
	}
	defer arr.Release()
	data := c.unshare(arr.Data(), false)
	defer data.Release()
	return array.MakeFromData(data), nil
}

// versions copies "data_version" with its type made plain.
func (c *copier) versions(parts []arrow.Array, t *arrow.StructType) (arrow.Array, error) {
	length := 0
	var children arrays
	defer children.release()
	for i := range t.NumFields() {
		length = 0
		fields := make([]arrow.Array, len(parts))
		for p, part := range parts {
			fields[p] = part.(*array.Struct).Field(i)
			length += part.Len()
		}
		arr, err := c.text(fields)
		if err != nil {
			return nil, err
		}
		children.add(arr)
	}
	return structOf(t, nil, 0, children, length), nil
}

// text copies strings of any representation into plain ones.
func (c *copier) text(parts []arrow.Array) (arrow.Array, error) {
	if parts[0].DataType().ID() == arrow.STRING {
		return array.Concatenate(parts, c.mem)
	}
	b := array.NewStringBuilder(c.mem)
	defer b.Release()
	for _, p := range parts {
		for i := range p.Len() {
			b.Append(p.ValueStr(i))
		}
	}
	return b.NewArray(), nil
}

// unshare copies what Concatenate shares with its input: dictionaries, and
// the buffers behind views. all copies every buffer.
func (c *copier) unshare(d arrow.ArrayData, all bool) arrow.ArrayData {
	buffers := make([]*arrowmem.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		buffers[i] = b
		if b != nil && (all || i >= 2 && isView(d.DataType())) {
			buffers[i] = c.buffer(b)
		}
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, child := range d.Children() {
		children[i] = c.unshare(child, all)
		defer children[i].Release()
	}
	if storage(d.DataType()).ID() == arrow.DICTIONARY {
		own := c.unshare(d.Dictionary(), true)
		defer own.Release()
		return array.NewDataWithDictionary(d.DataType(), d.Len(), buffers, d.NullN(), d.Offset(), own.(*array.Data))
	}
	return array.NewData(d.DataType(), d.Len(), buffers, children, d.NullN(), d.Offset())
}

// buffer copies a buffer once; the copier keeps the reference.
func (c *copier) buffer(b *arrowmem.Buffer) *arrowmem.Buffer {
	if to, ok := c.done[b]; ok {
		return to
	}
	to := arrowmem.NewResizableBuffer(c.mem)
	to.Resize(b.Len())
	copy(to.Bytes(), b.Bytes())
	b.Retain()
	c.done[b] = to
	return to
}

// storage is the type that lies behind an extension type.
func storage(t arrow.DataType) arrow.DataType {
	if e, ok := t.(arrow.ExtensionType); ok {
		return e.StorageType()
	}
	return t
}

func isView(t arrow.DataType) bool {
	t = storage(t)
	return t.ID() == arrow.STRING_VIEW || t.ID() == arrow.BINARY_VIEW
}

// sharesBuffers reports whether Concatenate keeps buffers of its input.
func sharesBuffers(t arrow.DataType) bool {
	t = storage(t)
	if t.ID() == arrow.DICTIONARY || isView(t) {
		return true
	}
	if n, ok := t.(arrow.NestedType); ok {
		for _, f := range n.Fields() {
			if sharesBuffers(f.Type) {
				return true
			}
		}
	}
	return false
}

// structOf makes a struct array of children, which it retains. valid is the
// bitmap of its own nulls, if it has any.
func structOf(t *arrow.StructType, valid *arrowmem.Buffer, nulls int, children []arrow.Array, length int) arrow.Array {
	datas := make([]arrow.ArrayData, len(children))
	for i, child := range children {
		datas[i] = child.Data()
	}
	d := array.NewData(t, length, []*arrowmem.Buffer{valid}, datas, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// sizeOf is the bytes in an array's buffers.
func sizeOf(d arrow.ArrayData) (n int64) {
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range d.Children() {
		n += sizeOf(c)
	}
	if storage(d.DataType()).ID() == arrow.DICTIONARY {
		n += sizeOf(d.Dictionary())
	}
	return n
}

func isInvalid(err error) bool { return errors.Is(err, core.ErrInvalid) }
