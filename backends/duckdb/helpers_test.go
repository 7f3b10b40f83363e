//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

func simpleGraph() (*core.Graph, error) {
	return core.NewGraph(core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root")))
}

var rootSchema = arrow.NewSchema([]arrow.Field{
	{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})},
}, nil)

// rootRows are ids from..to with n = 7·id and the version "v-id".
func rootRows(from, to int, version string) core.Rows {
	return core.Rows{Schema: rootSchema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		const size = 50_000
		for at := from; at < to; at += size {
			b := array.NewRecordBuilder(memory.DefaultAllocator, rootSchema)
			dv := b.Field(2).(*array.StructBuilder)
			for id := at; id < min(to, at+size); id++ {
				b.Field(0).(*array.Int64Builder).Append(int64(id))
				b.Field(1).(*array.Int64Builder).Append(int64(7 * id))
				dv.Append(true)
				dv.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%s-%d", version, id))
			}
			batch := b.NewRecordBatch()
			more := yield(batch, nil)
			batch.Release()
			if !more {
				return
			}
		}
	}}
}

func mustOpen(t testing.TB, path string, opts ...duckdb.Option) core.Store {
	t.Helper()
	s, err := duckdb.Open(t.Context(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s core.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func planOf(t testing.TB, key core.FeatureKey) *core.Plan {
	t.Helper()
	g, err := simpleGraph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, s core.Store, key core.FeatureKey, rows core.Rows) core.Commit {
	t.Helper()
	c, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, key), Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func count(t testing.TB, s core.Store, req core.ReadRequest) int64 {
	t.Helper()
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	n, err := rows.Count()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
