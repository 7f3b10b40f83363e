package cache

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// BenchmarkHit is an answer found under the lock, retained, and released: what
// a hit adds to handing out batches.
func BenchmarkHit(b *testing.B) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	builder.Field(0).(*array.Int64Builder).AppendValues(make([]int64, 100_000), nil)

	q := question{plan: core.ReadPlan{Schema: schema}, columns: []string{"id"}}
	q.key = key{moment: moment{topic: topic{1, "video/raw"}, seq: 7, schema: 1}, columns: "id"}
	var counts counters
	s := newShelf(defaults(), &counts)
	q.id = s.id(q.key)
	s.put(newEntry(q, []arrow.RecordBatch{builder.NewRecordBatch()}, deadline(s.options.now(), 0)), 1)
	b.ReportAllocs()
	for b.Loop() {
		q.id = s.id(q.key) // as each read does before it takes the lock
		e, _, _, _ := s.board(&q)
		e.release()
	}
	b.StopTimer()
	s.purge(0)
}

// BenchmarkMiss is a miss beside many answers about the same commit: what it
// takes to find that none of them helps.
func BenchmarkMiss(b *testing.B) {
	for _, kept := range []int{10, 18_000} {
		b.Run(fmt.Sprint(kept), func(b *testing.B) {
			s := newTestShelf()
			for i := range kept {
				s.keepTest(asked(s, video, 1, []string{"a"}, expr.Col("a").Eq(i)))
			}
			q := asked(s, video, 1, []string{"a"}, expr.Col("a").Eq(-1), expr.Col("b").Lt(5))
			b.ReportAllocs()
			for b.Loop() {
				_, _, f, _ := s.board(q)
				s.land(q.key, f, landing{}, 0, nil)
			}
		})
	}
}
