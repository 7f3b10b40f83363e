package fallback_test

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

// BenchmarkStack compares a stack of logging and fallback with the bare store,
// on a small read (what a call costs), on a million rows handed over without a
// look at them, and on a million rows of which one column is added up.
func BenchmarkStack(b *testing.B) {
	for _, c := range []struct {
		name string
		rows int
		sum  bool
	}{{"call", 10, false}, {"1M", 1 << 20, false}, {"1Msum", 1 << 20, true}} {
		base := memory.New()
		if _, err := base.Write(b.Context(), core.WriteRequest{Plan: planOf(b, "a"), Rows: scores(c.rows)}); err != nil {
			b.Fatal(err)
		}
		for _, s := range stacks(b, base) {
			b.Run(c.name+"/"+s.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					readAll(b, s.store, c.sum)
				}
			})
		}
	}
}

type named struct {
	name  string
	store core.Store
}

func stacks(b *testing.B, base core.Store) []named {
	b.Helper()
	logger := func(level zapcore.Level) *zap.Logger {
		return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), level))
	}
	out := []named{{"bare", base}}
	for name, layers := range map[string][]core.Layer{
		"compose": nil, "logging": {logging.New(logger(zap.InfoLevel))}, "fallback": {fallback.New(memory.New())},
		"both":  {logging.New(logger(zap.InfoLevel)), fallback.New(memory.New())},
		"debug": {logging.New(logger(zap.DebugLevel)), fallback.New(memory.New())}, // a line for each read
	} {
		s, err := compose.New(base, compose.With(layers...), compose.KeepBaseOpen())
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, named{name, s})
	}
	return out
}

func readAll(b *testing.B, s core.Store, sum bool) (total float64) {
	b.Helper()
	rows, err := s.Read(b.Context(), core.ReadRequest{Key: "a"})
	if err != nil {
		b.Fatal(err)
	}
	for batch, err := range rows.Batches {
		if err != nil {
			b.Fatal(err)
		}
		if sum {
			for _, v := range batch.Column(1).(*array.Float64).Float64Values() {
				total += v
			}
		}
	}
	return total
}

func scores(n int) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.BinaryTypes.String},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})},
	}, nil)
	const size = 1 << 16
	var out []arrow.RecordBatch
	for at := 0; at < n; at += size {
		b := array.NewRecordBuilder(arrowmem.DefaultAllocator, schema)
		for i := at; i < min(n, at+size); i++ {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("sample-%08d", i))
			b.Field(1).(*array.Float64Builder).Append(float64(i))
			st := b.Field(2).(*array.StructBuilder)
			st.Append(true)
			st.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%064d", i))
		}
		out = append(out, b.NewRecordBatch())
		b.Release()
	}
	return core.RowsOf(schema, out...)
}

// BenchmarkRatio reads a million rows and adds up one column, from the bare
// store and through logging and fallback in turn, so that a noisy machine
// troubles both alike. It reports the ratio of the medians.
func BenchmarkRatio(b *testing.B) {
	base := memory.New()
	if _, err := base.Write(b.Context(), core.WriteRequest{Plan: planOf(b, "a"), Rows: scores(1 << 20)}); err != nil {
		b.Fatal(err)
	}
	var through core.Store
	for _, s := range stacks(b, base) {
		if s.name == "both" {
			through = s.store
		}
	}
	var plain, layered []float64
	type side struct {
		store core.Store
		times *[]float64
	}
	sides := []side{{base, &plain}, {through, &layered}}
	for b.Loop() {
		slices.Reverse(sides) // neither is always the one that finds warm caches
		for _, s := range sides {
			start := time.Now()
			readAll(b, s.store, true)
			*s.times = append(*s.times, float64(time.Since(start)))
		}
	}
	slices.Sort(plain)
	slices.Sort(layered)
	b.ReportMetric(layered[len(layered)/2]/plain[len(plain)/2], "ratio")
}

// BenchmarkOverlay reads a million samples of which this store has some and a
// leg the rest, from the leg alone and merged, and adds up one column.
func BenchmarkOverlay(b *testing.B) {
	for _, here := range []int{0, 10_000, 1 << 20} {
		base, prod := memory.New(), memory.New()
		for s, n := range map[core.Store]int{base: here, prod: 1 << 20} {
			if n == 0 {
				continue
			}
			if _, err := s.Write(b.Context(), core.WriteRequest{Plan: planOf(b, "a"), Rows: scores(n)}); err != nil {
				b.Fatal(err)
			}
		}
		merged, err := fallback.NewWith(fallback.Overlay(), fallback.Leg("prod", prod)).Wrap(base)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range []named{{"leg", prod}, {"overlay", merged}} {
			b.Run(fmt.Sprintf("here=%d/%s", here, s.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					readAll(b, s.store, true)
				}
			})
		}
	}
}
