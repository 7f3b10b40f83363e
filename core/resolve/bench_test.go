package resolve_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// digests generates n rows of a root feature: ids from, from+step, … and
// versions that look like the real ones.
func digests(containers []string, from, step, n int64, salt string) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: core.ColDataVersion, Type: core.DataVersionType(containers)},
	}, nil)
	return core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for at := int64(0); at < n; at += 1 << 16 {
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			ids, dv := b.Field(0).(*array.Int64Builder), b.Field(1).(*array.StructBuilder)
			var text []byte
			for i := at; i < min(n, at+1<<16); i++ {
				ids.Append(from + i*step)
				dv.Append(true)
				for c := range containers {
					text = strconv.AppendInt(append(text[:0], salt...), (from+i*step)*8+int64(c), 10)
					sum := sha256.Sum256(text)
					text = hex.AppendEncode(text[:0], sum[:])
					dv.FieldBuilder(c).(*array.StringBuilder).BinaryBuilder.Append(text)
				}
			}
			rec := b.NewRecordBatch()
			ok := yield(rec, nil)
			rec.Release()
			b.Release()
			if !ok {
				return
			}
		}
	}}
}

type benchGraph struct {
	name  string
	graph *core.Graph
	roots []core.FeatureKey
}

func benchGraphs(tb testing.TB) []benchGraph {
	tb.Helper()
	four := []core.FeatureOption{core.Container("c1"), core.Container("c2"), core.Container("c3"), core.Container("c4")}
	simple, err := core.NewGraph(core.NewFeature("root", core.Container("audio"), core.Container("frames")), core.NewFeature("leaf", core.DependsOn("root")))
	if err != nil {
		tb.Fatal(err)
	}
	wide, err := core.NewGraph(core.NewFeature("left", four...), core.NewFeature("right", four...),
		core.NewFeature("leaf", core.DependsOn("left"), core.DependsOn("right"), core.Container("one"), core.Container("two")))
	if err != nil {
		tb.Fatal(err)
	}
	return []benchGraph{{"simple", simple, []core.FeatureKey{"root"}}, {"wide", wide, []core.FeatureKey{"left", "right"}}}
}

// write commits rows and fails the test when it cannot.
func write(tb testing.TB, s core.Store, g *core.Graph, key core.FeatureKey, rows core.Rows) {
	tb.Helper()
	if _, err := s.Write(tb.Context(), core.WriteRequest{Plan: plan(tb, g, key), Rows: rows}); err != nil {
		tb.Fatal(err)
	}
}

func plan(tb testing.TB, g *core.Graph, key core.FeatureKey) *core.Plan {
	tb.Helper()
	p, err := g.Plan(key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func BenchmarkByReading(b *testing.B) {
	const n = 1_000_000
	for _, bg := range benchGraphs(b) {
		s := backend.New()
		for _, r := range bg.roots {
			write(b, s, bg.graph, r, digests(plan(b, bg.graph, r).ContainerNames(), 0, 1, n, string(r)))
		}
		leaf := plan(b, bg.graph, "leaf")
		run := func(name string, want core.Stats) {
			b.Run(fmt.Sprintf("%s/%s", bg.name, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					inc, err := resolve.ByReading(b.Context(), s, core.ResolveRequest{Plan: leaf})
					if err != nil {
						b.Fatal(err)
					}
					got := []int64{inc.Stats.New, inc.Stats.Stale, inc.Stats.Orphaned, inc.Stats.Unchanged}
					if !slices.Equal(got, []int64{want.New, want.Stale, want.Orphaned, want.Unchanged}) {
						b.Fatal(inc.Stats)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/sample")
			})
		}
		run("new", core.Stats{New: n})
		inc, err := resolve.ByReading(b.Context(), s, core.ResolveRequest{Plan: leaf})
		if err != nil {
			b.Fatal(err)
		}
		write(b, s, bg.graph, "leaf", inc.New)
		write(b, s, bg.graph, bg.roots[0], digests(plan(b, bg.graph, bg.roots[0]).ContainerNames(), 3, 10, n/10, "changed"))
		run("stale", core.Stats{Stale: n / 10, Unchanged: n - n/10})
		s.Close()
	}
}
