package memory_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// rowsN are n rows of (sample_id string, score float64, data_version).
func rowsN(mem arrowmem.Allocator, from, n, batch int, version string) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"frames", "audio"})},
	}, nil)
	var out []arrow.RecordBatch
	for at := 0; at < n; at += batch {
		b := array.NewRecordBuilder(mem, schema)
		for i := at; i < min(n, at+batch); i++ {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("sample-%08d", from+i))
			b.Field(1).(*array.Float64Builder).Append(float64(i % (1 << 16)))
			st := b.Field(2).(*array.StructBuilder)
			st.Append(true)
			st.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%064d-%s", i, version))
			st.FieldBuilder(1).(*array.StringBuilder).Append(fmt.Sprintf("%064d-%s", i, version))
		}
		out = append(out, b.NewRecordBatch())
		b.Release()
	}
	return core.RowsOf(schema, out...)
}

func testPlan(tb testing.TB) *core.Plan {
	tb.Helper()
	g, err := core.NewGraph(core.NewFeature("video/raw", core.Container("frames"), core.Container("audio")))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := g.Plan("video/raw")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func BenchmarkWrite1M(b *testing.B) {
	rows := rowsN(arrowmem.NewGoAllocator(), 0, 1<<20, 1<<16, "a")
	plan := testPlan(b)
	for b.Loop() {
		s := memory.New()
		if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

func BenchmarkRewrite1M(b *testing.B) {
	rows := rowsN(arrowmem.NewGoAllocator(), 0, 1<<20, 1<<16, "a")
	plan := testPlan(b)
	for b.Loop() {
		b.StopTimer()
		s := memory.New()
		_, _ = s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rows})
		b.StartTimer()
		if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

func benchRead(b *testing.B, s core.Store, req core.ReadRequest, want int64) {
	b.Helper()
	for b.Loop() {
		rows, err := s.Read(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := rows.Count()
		if err != nil || n != want {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkRead1M(b *testing.B) {
	rows := rowsN(arrowmem.NewGoAllocator(), 0, 1<<20, 1<<16, "a")
	some := rowsN(arrowmem.NewGoAllocator(), 1000, 1<<17, 1<<16, "b")
	plan := testPlan(b)
	s := memory.New()
	if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
		b.Fatal(err)
	}
	b.Run("whole", func(b *testing.B) { benchRead(b, s, core.ReadRequest{Key: plan.Key()}, 1<<20) })
	b.Run("filtered", func(b *testing.B) {
		benchRead(b, s, core.ReadRequest{Key: plan.Key(), Filter: expr.Col("score").Lt(1000)}, 16*1000)
	})
	if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: some}); err != nil {
		b.Fatal(err)
	}
	b.Run("replaced", func(b *testing.B) { benchRead(b, s, core.ReadRequest{Key: plan.Key()}, 1<<20) })
	b.Run("asof", func(b *testing.B) {
		benchRead(b, s, core.ReadRequest{Key: plan.Key(), AsOf: core.AtCommit(1)}, 1<<20)
	})
	b.Run("history", func(b *testing.B) {
		benchRead(b, s, core.ReadRequest{Key: plan.Key(), History: true}, 1<<20+1<<17)
	})
}
