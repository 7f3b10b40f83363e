package expr

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Eval evaluates the expression on a batch: true, false, or null where it is unknown. The caller releases the result.
func (b *Bound) Eval(batch arrow.RecordBatch, mem memory.Allocator) (*array.Boolean, error) {
	m, n, err := b.run(batch)
	if err != nil {
		return nil, err
	}
	return boolean(m, n, mem), nil
}

// boolean makes an Arrow array of a mask.
func boolean(m mask, n int, mem memory.Allocator) *array.Boolean {
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	values := bitmap(m.yes, n, mem)
	defer values.Release()
	var valid *memory.Buffer
	nulls := 0
	if m.known != nil {
		if nulls = n - count(m.known, n); nulls > 0 {
			valid = bitmap(m.known, n, mem)
			defer valid.Release()
		}
	}
	return array.NewBoolean(n, values, valid, nulls)
}

// bitmap makes an Arrow bitmap of the first n bits.
func bitmap(src []uint64, n int, mem memory.Allocator) *memory.Buffer {
	buf := memory.NewResizableBuffer(mem)
	buf.Resize((n + 7) / 8)
	storeBits(buf.Bytes(), src, n)
	return buf
}

// run evaluates to a mask whose yes bits are definite.
func (b *Bound) run(batch arrow.RecordBatch) (mask, int, error) {
	if batch == nil {
		return mask{}, 0, errors.New("filter: the batch is nil")
	}
	n := int(batch.NumRows())
	if b.root == nil {
		return mask{yes: fullWords(n)}, n, nil
	}
	res := b.last.Load()
	if res.schema != batch.Schema() {
		var err error
		if res, err = b.resolve(batch.Schema()); err != nil {
			return mask{}, 0, err
		}
		b.last.Store(res) // the batches of one stream share a schema, so the next one takes the short way
	}
	s := state{batch: batch, n: n, index: res.index, columns: make([]columnState, len(b.slots))}
	return b.root.eval(&s).definite(), n, nil
}

// resolve finds the columns in the schema of a batch by name.
func (b *Bound) resolve(schema *arrow.Schema) (*resolution, error) {
	res := &resolution{schema: schema, index: make([][]int, len(b.slots))}
	for i, s := range b.slots {
		index, typ, msg := lookup(schema, s.column)
		if msg != "" {
			return nil, fmt.Errorf("filter: the batch does not match the schema: %s", msg)
		}
		if !arrow.TypeEqual(typ, s.typ) {
			return nil, fmt.Errorf("filter: the batch does not match the schema: column %s is %s, not %s", quoted(s.column), typ, s.typ)
		}
		res.index[i] = index
	}
	return res, nil
}

// state is the evaluation of one batch.
type state struct {
	batch   arrow.RecordBatch
	n       int
	index   [][]int
	columns []columnState
}

// columnState is a column, found once however many tests read it.
type columnState struct {
	arr   arrow.Array
	known []uint64 // the rows where it is not null; nil when all are. Shared: never changed
}

func (s *state) column(slot int) columnState {
	c := &s.columns[slot]
	if c.arr != nil {
		return *c
	}
	path := s.index[slot]
	arr := storage(s.batch.Column(path[0]))
	known := validity(arr)
	for _, field := range path[1:] {
		arr = storage(arr.(*array.Struct).Field(field))
		known = both(known, validity(arr)) // the field of a null struct is null
	}
	c.arr, c.known = arr, known
	return *c
}

// both returns the rows that are in both bitmaps, without changing either.
func both(a, b []uint64) []uint64 {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := make([]uint64, len(a))
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}
