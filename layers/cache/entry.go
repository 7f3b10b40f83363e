package cache

import (
	"container/list"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/arrow/util"

	"github.com/metaxy-go/metaxy/core"
)

// entry is one answer. It holds its batches as long as anyone holds it: the
// shelf, and each reader that is in its loop.
type entry struct {
	refs    atomic.Int64
	key     key
	id      uint64         // of the key, on the shelf
	columns map[string]int // position in schema
	schema  *arrow.Schema
	texts   []string // canonical conjuncts that were applied
	terms   string   // the texts as one
	batches []arrow.RecordBatch
	bytes   int64
	expires time.Time

	place, age *list.Element // in the index
}

// newEntry takes over the caller's references to the batches.
func newEntry(q question, batches []arrow.RecordBatch, expires time.Time) *entry {
	e := &entry{
		key: q.key, id: q.id, columns: map[string]int{}, schema: q.plan.Schema,
		texts: q.texts, terms: termsKey(q.texts), batches: batches, expires: expires,
	}
	for i, c := range q.columns {
		e.columns[c] = i
	}
	for i, b := range e.batches {
		e.batches[i] = compact(b)
		core.Share(e.batches[i])
	}
	e.bytes = entryOverhead + footprint(e.batches)
	e.refs.Store(1)
	return e
}

// entryOverhead is about what an entry takes beside its batches.
const entryOverhead = 256

func (e *entry) retain() { e.refs.Add(1) }

func (e *entry) release() {
	if e.refs.Add(-1) == 0 {
		for _, b := range e.batches {
			b.Release()
		}
	}
}

// expired asks the clock only for an entry that can expire: most cannot, and
// asking takes as long as the rest of a hit.
func (e *entry) expired(now func() time.Time) bool {
	return !e.expires.IsZero() && !now().Before(e.expires)
}

// compact copies a batch that is a small slice of large buffers, which it would
// otherwise keep alive as a whole. It takes over the reference to the batch.
func compact(b arrow.RecordBatch) arrow.RecordBatch {
	if held := footprint([]arrow.RecordBatch{b}); held < 4096 || 2*util.TotalRecordSize(b) >= held {
		return b
	}
	columns := make([]arrow.Array, b.NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i := range columns {
		c, err := array.Concatenate([]arrow.Array{b.Column(i)}, memory.DefaultAllocator)
		if err != nil {
			return b // a type that cannot be copied is kept as it is
		}
		columns[i] = c
	}
	small := array.NewRecordBatch(b.Schema(), columns, b.NumRows())
	b.Release()
	return small
}

// footprint is the memory that batches keep alive: the capacity of every
// buffer, once. Lengths would miss what slices and spare capacity pin.
func footprint(batches []arrow.RecordBatch) int64 {
	seen := map[*memory.Buffer]bool{}
	var total int64
	var walk func(d arrow.ArrayData)
	walk = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil && !seen[b] {
				seen[b] = true
				total += int64(b.Cap())
			}
		}
		for _, child := range d.Children() {
			walk(child)
		}
		if d.DataType().ID() == arrow.DICTIONARY {
			walk(d.Dictionary())
		}
	}
	for _, b := range batches {
		for _, c := range b.Columns() {
			walk(c.Data())
		}
	}
	return total
}
