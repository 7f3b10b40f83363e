package cache

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// BenchmarkHit is an answer found under the lock, retained, and released: what
// a hit adds to handing out batches.
func BenchmarkHit(b *testing.B) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	builder.Field(0).(*array.Int64Builder).AppendValues(make([]int64, 100_000), nil)

	q := question{plan: core.ReadPlan{Schema: schema}, columns: []string{"id"}}
	q.key = key{moment: moment{store: 1, feature: "video/raw", seq: 7, schema: 1}, columns: "id"}
	var counts counters
	s := newShelf(defaults(), &counts)
	s.put(newEntry(q, []arrow.RecordBatch{builder.NewRecordBatch()}, deadline(s.options.now(), 0)), 1)
	b.ReportAllocs()
	for b.Loop() {
		e, _, _, _ := s.board(&q)
		e.release()
	}
	b.StopTimer()
	s.purge(0)
}
