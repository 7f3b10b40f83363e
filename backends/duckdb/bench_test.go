//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func benchGraph(tb testing.TB) *core.Graph {
	tb.Helper()
	g, err := core.NewGraph(
		core.NewFeature("bench/root", core.Container("audio"), core.Container("frames")),
		core.NewFeature("bench/leaf", core.DependsOn("bench/root")),
	)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// hexRows gives ids from..to with versions that look like digests.
func hexRows(containers []string, from, to, salt int) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "path", Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(containers)},
	}, nil)
	return core.Rows{Schema: schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for ; from < to; from += 1 << 16 {
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			dv := b.Field(2).(*array.StructBuilder)
			for id := from; id < min(to, from+1<<16); id++ {
				b.Field(0).(*array.Int64Builder).Append(int64(id))
				b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("s3://bucket/videos/2026/11/video_%010d.mp4", id))
				dv.Append(true)
				for c := range containers {
					h := xxh3.HashString128Seed(fmt.Sprint(id, c), uint64(salt)).Bytes()
					dv.FieldBuilder(c).(*array.StringBuilder).Append(fmt.Sprintf("%x%x", h, h))
				}
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

func mustPlan(tb testing.TB, g *core.Graph, key core.FeatureKey) *core.Plan {
	tb.Helper()
	p, err := g.Plan(key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// cpu is the time that all threads of the process have used.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure reports wall and processor time a row.
func measure(b *testing.B, rows int, f func()) {
	b.Helper()
	start := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
	b.ReportMetric(float64(cpu()-start)/float64(b.N*rows), "cpu-ns/row")
}

const benchRows = 1_000_000

func benchStore(b *testing.B) (*store, *core.Graph) {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "bench.duckdb"), Threads(2))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s.(*store), benchGraph(b)
}

func benchWrite(b *testing.B, s core.Store, p *core.Plan, rows core.Rows, id string) {
	b.Helper()
	if _, err := s.Write(b.Context(), core.WriteRequest{Plan: p, Rows: rows, ID: id}); err != nil {
		b.Fatal(err)
	}
}

func cached(b *testing.B, rows core.Rows) core.Rows {
	b.Helper()
	batches, err := rows.Collect()
	if err != nil {
		b.Fatal(err)
	}
	return core.RowsOf(rows.Schema, batches...)
}

func BenchmarkWrite(b *testing.B) {
	rows := cached(b, hexRows([]string{"audio", "frames"}, 0, benchRows, 0))
	for _, id := range []bool{false, true} {
		b.Run(fmt.Sprintf("first/id=%v", id), func(b *testing.B) {
			measure(b, benchRows, func() {
				b.StopTimer()
				s, g := benchStore(b)
				b.StartTimer()
				name := ""
				if id {
					name = "id"
				}
				benchWrite(b, s, mustPlan(b, g, "bench/root"), rows, name)
				_ = s.Close()
			})
		})
	}
	b.Run("again", func(b *testing.B) {
		s, g := benchStore(b)
		benchWrite(b, s, mustPlan(b, g, "bench/root"), rows, "")
		measure(b, benchRows, func() { benchWrite(b, s, mustPlan(b, g, "bench/root"), rows, "") })
	})
}

func BenchmarkRead(b *testing.B) {
	s, g := benchStore(b)
	benchWrite(b, s, mustPlan(b, g, "bench/root"), hexRows([]string{"audio", "frames"}, 0, benchRows, 0), "")
	for name, req := range map[string]core.ReadRequest{
		"all":       {},
		"id":        {Columns: []string{"sample_id"}},
		"selective": {Filter: expr.Col("sample_id").Eq(777_777)},
	} {
		b.Run(name, func(b *testing.B) {
			req.Key = "bench/root"
			measure(b, benchRows, func() {
				rows, err := s.Read(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := rows.Count(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkResolve(b *testing.B) {
	s, g := benchStore(b)
	root, leaf := mustPlan(b, g, "bench/root"), mustPlan(b, g, "bench/leaf")
	benchWrite(b, s, root, hexRows([]string{"audio", "frames"}, 0, benchRows, 0), "")
	hand := `SELECT sample_id, sha256(concat('default|1|bench.root/audio|', data_version.audio, '|bench.root/frames|', data_version.frames)) AS v
		FROM features."bench/root" WHERE metaxy_until IS NULL AND NOT metaxy_deleted`
	b.Run("new/sql", func(b *testing.B) { measure(b, benchRows, func() { runSQL(b, s, hand) }) })
	b.Run("new/resolve", func(b *testing.B) { measure(b, benchRows, func() { benchResolve(b, s, leaf) }) })

	inc, err := s.Resolve(b.Context(), core.ResolveRequest{Plan: leaf})
	if err != nil {
		b.Fatal(err)
	}
	benchWrite(b, s, leaf, inc.New, "")
	benchWrite(b, s, root, hexRows([]string{"audio", "frames"}, 0, benchRows/10, 1), "")
	hand = `WITH e AS (` + hand + `), l AS (SELECT sample_id, data_version['default'] AS v FROM features."bench/leaf" WHERE metaxy_until IS NULL AND NOT metaxy_deleted)
		SELECT CASE WHEN l.sample_id IS NULL THEN 0 WHEN e.sample_id IS NULL THEN 2 ELSE 1 END::UTINYINT AS kind, coalesce(e.sample_id, l.sample_id), e.v
		FROM e FULL JOIN l ON e.sample_id = l.sample_id WHERE e.v IS DISTINCT FROM l.v`
	b.Run("stale/sql", func(b *testing.B) { measure(b, benchRows, func() { runSQL(b, s, hand) }) })
	b.Run("stale/resolve", func(b *testing.B) { measure(b, benchRows, func() { benchResolve(b, s, leaf) }) })
}

func benchResolve(b *testing.B, s core.Store, p *core.Plan) {
	b.Helper()
	if _, err := s.Resolve(b.Context(), core.ResolveRequest{Plan: p}); err != nil {
		b.Fatal(err)
	}
}

func runSQL(b *testing.B, s *store, sql string) {
	b.Helper()
	err := s.with(context.Background(), func(c *conn) error {
		r, err := c.query(b.Context(), sql)
		if err != nil {
			return err
		}
		defer r.Release()
		for r.Next() {
			b := r.RecordBatch()
			b.Retain()
			defer b.Release()
		}
		return r.Err()
	})
	if err != nil {
		b.Fatal(err)
	}
}
