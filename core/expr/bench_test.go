package expr_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core/expr"
)

const benchRows = 1 << 16

// benchBatch has numbers 0 to 999, regions of ten names, ids, and a tenth of nulls in one column.
func benchBatch() arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64},
		{Name: "region", Type: arrow.BinaryTypes.String},
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "maybe", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "dict", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range benchRows {
		n := int64(i*7919) % 1000
		b.Field(0).(*array.Int64Builder).Append(n)
		b.Field(1).(*array.Float64Builder).Append(float64(n) / 3)
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("region-%d", n%10))
		b.Field(3).(*array.StringBuilder).Append(fmt.Sprintf("sample-%08d", i))
		if n%10 == 0 {
			b.Field(4).AppendNull()
		} else {
			b.Field(4).(*array.Int64Builder).Append(n)
		}
		_ = b.Field(5).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprintf("region-%d", n%10))
	}
	return b.NewRecordBatch()
}

var benchExprs = []struct{ name, text string }{
	{"greater_int64", "n > 500"},
	{"greater_nullable", "maybe > 500"},
	{"less_float64", "f < 100.5"},
	{"between_int64", "n BETWEEN 100 AND 500"},
	{"in_few_int64", "n IN (1, 2, 3, 4)"},
	{"in_many_int64", "n IN (1, 20, 37, 41, 55, 62, 77, 81, 99, 100, 523, 800)"},
	{"equal_string", "region = 'region-3'"},
	{"greater_string", "id > 'sample-00030000'"},
	{"in_string", "region IN ('region-1', 'region-2', 'region-3', 'region-4', 'x', 'y')"},
	{"prefix_string", "starts_with(id, 'sample-0001')"},
	{"like_contains", "id LIKE '%0001%'"},
	{"like_general", "id LIKE 's%00_1%'"},
	{"equal_dictionary", "dict = 'region-3'"},
	{"and_of_two", "n > 500 AND maybe < 900"},
}

func BenchmarkEval(b *testing.B) {
	batch := benchBatch()
	defer batch.Release()
	for _, c := range benchExprs {
		b.Run(c.name, func(b *testing.B) {
			bound := mustBind(b, c.text, batch.Schema())
			b.ReportAllocs()
			for b.Loop() {
				out, err := bound.Eval(batch, memory.DefaultAllocator)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	batch := benchBatch()
	defer batch.Release()
	for _, text := range []string{"n < 10", "n < 500", "n < 990", "n >= 0"} {
		b.Run(text, func(b *testing.B) {
			bound := mustBind(b, text, batch.Schema())
			for b.Loop() {
				out, err := bound.Filter(context.Background(), batch, memory.DefaultAllocator)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Parse(`region = 'us-west' AND (frames BETWEEN 10 AND 500 OR tag IS NULL)`); err != nil {
			b.Fatal(err)
		}
	}
}

func mustBind(tb testing.TB, text string, schema *arrow.Schema) *expr.Bound {
	tb.Helper()
	e, err := expr.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	bound, err := expr.Bind(e, schema)
	if err != nil {
		tb.Fatal(err)
	}
	return bound
}
