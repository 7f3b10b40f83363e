package fallback_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	mem "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

func rowsN(n int) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
	}, nil)
	const size = 1 << 16
	var out []arrow.RecordBatch
	for at := 0; at < n; at += size {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := at; i < min(n, at+size); i++ {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("sample-%08d", i))
			b.Field(1).(*array.Float64Builder).Append(float64(i))
			st := b.Field(2).(*array.StructBuilder)
			st.Append(true)
			st.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%064d", i))
		}
		out = append(out, b.NewRecordBatch())
	}
	return core.RowsOf(schema, out...)
}

func BenchmarkStack(b *testing.B) {
	g, err := core.NewGraph(core.NewFeature("video/raw"))
	if err != nil {
		b.Fatal(err)
	}
	plan, _ := g.Plan("video/raw")
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
	for _, n := range []int{10, 1 << 20} {
		bare := mem.New()
		if _, err := bare.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: rowsN(n)}); err != nil {
			b.Fatal(err)
		}
		fb := func() core.Layer { return fallback.New(mem.New()) }
		stacks := []struct {
			name   string
			layers []core.Layer
		}{
			{"compose", nil},
			{"logging", []core.Layer{logging.New(logger)}},
			{"fallback", []core.Layer{fb()}},
			{"both", []core.Layer{logging.New(logger), fb()}},
			{"debug", []core.Layer{logging.New(logger.WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core {
				return zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.DebugLevel)
			}))), fb()}},
		}
		run := func(name string, s core.Store) {
			b.Run(fmt.Sprintf("read%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rows, err := s.Read(b.Context(), core.ReadRequest{Key: plan.Key()})
					if err != nil {
						b.Fatal(err)
					}
					for _, err := range rows.Batches {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
			b.Run(fmt.Sprintf("stat%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Stat(b.Context(), core.StatRequest{Key: plan.Key()}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("bare", bare)
		for _, st := range stacks {
			s, err := compose.New(bare, compose.With(st.layers...), compose.KeepBaseOpen())
			if err != nil {
				b.Fatal(err)
			}
			run(st.name, s)
		}
	}
}
