package rbac_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// bigPolicy has 10,000 rules for 1,000 users in 100 roles.
func bigPolicy() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "g, user:u%d, role:r%d\n", i, i%100)
		for j := range 7 {
			fmt.Fprintf(&b, "p, user:u%d, area%d/feature%d, %s, allow\n", i, j, i, []string{"read", "write", "stat"}[j%3])
		}
	}
	for i := range 100 {
		for j := range 20 {
			fmt.Fprintf(&b, "p, role:r%d, area%d/**, %s, allow\n", i, j, []string{"read", "resolve", "list"}[j%3])
		}
		if i > 0 && i%10 != 0 {
			fmt.Fprintf(&b, "g, role:r%d, role:r%d\n", i, i-i%10)
		}
	}
	return b.String()
}

func BenchmarkDecision(b *testing.B) {
	p := policy(b, bigPolicy())
	b.Logf("%d rules", len(p.Rules()))
	var ids []identity.Identity
	for i := range 64 {
		ids = append(ids, identity.Identity{Name: fmt.Sprintf("user:u%d", i*15)})
	}
	keys := []core.FeatureKey{"area0/feature3", "area5/x/y", "area19/feature", "none/at/all"}
	var times []float64
	allowed := 0
	for b.Loop() {
		start := time.Now()
		const n = 512
		for i := range n {
			if rbac.Decides(p, ids[i%len(ids)], core.OpRead, keys[i%len(keys)]) {
				allowed++
			}
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/n)
	}
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2], "median-ns/decision")
	if allowed == 0 {
		b.Error("nothing is allowed")
	}
}

// BenchmarkRead reads a million rows bare and through the layer in turn, so
// that both meet the same machine.
func BenchmarkRead(b *testing.B) {
	g, err := core.NewGraph(core.NewFeature("area0/big"))
	if err != nil {
		b.Fatal(err)
	}
	plan, err := g.Plan("area0/big")
	if err != nil {
		b.Fatal(err)
	}
	bare := memstore.New()
	defer bare.Close()
	const rows, size = 1 << 20, 1 << 16
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
	}, nil)
	var batches []arrow.RecordBatch
	for at := 0; at < rows; at += size {
		batches = append(batches, bigBatch(schema, at, size))
	}
	if _, err := bare.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batches...)}); err != nil {
		b.Fatal(err)
	}
	core.ReleaseAll(batches)
	through, err := rbac.New(policy(b, bigPolicy())).Wrap(bare)
	if err != nil {
		b.Fatal(err)
	}
	ctx := identity.With(b.Context(), identity.Identity{Name: "user:u0"})
	read := func(s core.Store) float64 {
		start := time.Now()
		r, err := s.Read(ctx, core.ReadRequest{Key: "area0/big"})
		if err != nil {
			b.Fatal(err)
		}
		n := sum(b, r)
		if n != rows {
			b.Fatalf("%d rows", n)
		}
		return float64(time.Since(start).Nanoseconds())
	}
	var ratios []float64
	for i := 0; b.Loop(); i++ {
		runtime.GC()
		var with, without float64
		if i%2 == 0 {
			without, with = read(bare), read(through)
		} else {
			with, without = read(through), read(bare)
		}
		ratios = append(ratios, with/without)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
}

// sum looks at every value, as a reader does.
func sum(b *testing.B, r core.Rows) int64 {
	b.Helper()
	var n int64
	total := 0.0
	for batch, err := range r.All() {
		if err != nil {
			b.Fatal(err)
		}
		n += batch.NumRows()
		for _, c := range batch.Columns() {
			if f, ok := c.(*array.Float64); ok {
				for _, v := range f.Float64Values() {
					total += v
				}
			}
		}
	}
	if math.IsNaN(total) {
		b.Fatal("no number")
	}
	return n
}

func bigBatch(schema *arrow.Schema, from, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	ids, _ := b.Field(0).(*array.Int64Builder)
	xs, _ := b.Field(1).(*array.Float64Builder)
	vs, _ := b.Field(2).(*array.StructBuilder)
	v, _ := vs.FieldBuilder(0).(*array.StringBuilder)
	for i := range n {
		ids.Append(int64(from + i))
		xs.Append(float64(i))
		vs.Append(true)
		v.Append("v")
	}
	return b.NewRecordBatch()
}
