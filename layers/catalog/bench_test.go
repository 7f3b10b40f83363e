package catalog_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/storetest"
)

// digests makes rows that have a digest of their own each.
func digests(n int) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64}, {Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
	}, nil)
	b := array.NewRecordBuilder(arrowmem.NewGoAllocator(), schema)
	defer b.Release()
	var batches []arrow.RecordBatch
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		v := b.Field(1).(*array.StructBuilder)
		v.Append(true)
		v.FieldBuilder(0).(*array.StringBuilder).Append(digest(i))
		if (i+1)%65536 == 0 || i+1 == n {
			batches = append(batches, b.NewRecordBatch())
		}
	}
	return core.RowsOf(schema, batches...)
}

func digest(i int) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return hex.EncodeToString(sum[:])
}

// nothing is a store that takes rows and keeps none.
func nothing(tb testing.TB) core.Store {
	tb.Helper()
	return sink{storetest.Mock()}
}

type sink struct{ core.Store }

func (sink) Write(_ context.Context, req core.WriteRequest) (core.Commit, error) {
	n, err := req.Rows.Count()
	return core.Commit{Seq: 1, Rows: n}, err
}

// What a write of a million rows with a version each costs beyond the store.
func BenchmarkRegister(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, err := core.NewGraph(core.NewFeature("bench/f"))
			if err != nil {
				b.Fatal(err)
			}
			plan, err := g.Plan("bench/f")
			if err != nil {
				b.Fatal(err)
			}
			rows := digests(n)
			b.ReportAllocs()
			for b.Loop() {
				k := catalog.New(catalog.NewMemory(), catalog.NoCatchUp())
				s := wrap(b, k, nothing(b))
				if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
					b.Fatal(err)
				}
				if k.Stats().Registered != 1 {
					b.Fatalf("%+v", k.Stats())
				}
			}
		})
	}
}

func BenchmarkHasFeature(b *testing.B) {
	cat := catalog.NewMemory()
	keys := make([]core.FeatureKey, 100_000)
	for i := range keys {
		keys[i] = core.FeatureKey(fmt.Sprintf("team%d/feature%d", i%97, i))
		if err := cat.RegisterMaterialization(b.Context(), catalog.Materialization{Key: keys[i], Commit: core.Commit{Seq: 1, Rows: 1}}, catalog.Versions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("feature", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if p, err := cat.HasFeature(b.Context(), keys[i%len(keys)]); p != catalog.Yes || err != nil {
				b.Fatal(p, err)
			}
		}
	})
	s := wrap(b, catalog.New(cat, catalog.NoCatchUp()), nothing(b))
	g, _ := core.NewGraph(core.NewFeature("bench/f"))
	plan, _ := g.Plan("bench/f")
	if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: digests(1_000_000)}); err != nil {
		b.Fatal(err)
	}
	asked := make([]string, 4096)
	for i := range asked {
		asked[i] = digest(i * 200)
	}
	b.Run("version of a million", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if p, err := cat.HasFeature(b.Context(), "bench/f", catalog.WithVersion(asked[i%len(asked)])); p == catalog.Maybe || err != nil {
				b.Fatal(p, err)
			}
		}
	})
	b.Run("stat", func(b *testing.B) {
		inner := newStore(b)
		s := wrap(b, catalog.New(catalog.NewMemory(), catalog.SoleWriter()), inner)
		write(b, s, "video/a", samplesOf(10, 0)...)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Stat(b.Context(), core.StatRequest{Key: "video/a"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
