package expr_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core/expr"
)

func ExampleCol() {
	e := expr.And(
		expr.Col("region").Eq("us-west"),
		expr.Col("data_version.frames").HasPrefix("ab"),
		expr.Not(expr.Col("frames").Between(1, 10)),
		expr.Col("written_at").Ge(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
	)
	fmt.Println(e)
	fmt.Println(expr.Shape(e))
	// Output:
	// region = 'us-west' AND starts_with(data_version.frames, 'ab') AND frames NOT BETWEEN 1 AND 10 AND written_at >= TIMESTAMP '2026-01-02T03:04:05Z'
	// region = ? AND starts_with(data_version.frames, ?) AND frames NOT BETWEEN ? AND ? AND written_at >= ?
}

func ExampleParse() {
	_, err := expr.Parse("region = 'us-west' AND frames = NULL")
	var e *expr.Error
	if errors.As(err, &e) {
		fmt.Println(e.Detail())
	}
	// Output:
	// filter:1:31: = NULL is unknown for every row; write IS NULL
	//   region = 'us-west' AND frames = NULL
	//                                 ^
}

func ExampleBound_Filter() {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "frames", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"a", "b", "c"}, nil)
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{10, 0, 500}, []bool{true, false, true})
	batch := b.NewRecordBatch()
	defer batch.Release()

	bound, err := expr.Bind(expr.Col("frames").Gt(100), schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := bound.Filter(context.Background(), batch, memory.DefaultAllocator)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer out.Release()
	fmt.Println(out.Column(0))
	// Output: ["c"]
}

func ExampleCanonical() {
	e, _ := expr.Parse("NOT (b > 2 OR a = 1) AND a <> 1")
	fmt.Println(expr.Canonical(e))
	// Output: a <> 1 AND b <= 2
}

func ExampleConjuncts() {
	e, _ := expr.Parse("region = 'us' AND (frames > 10 OR tag IS NULL)")
	for _, term := range expr.Conjuncts(e) {
		fmt.Println(term.Kinds(), "·", term)
	}
	// Output:
	// compare · region = 'us'
	// compare|is_null|or|range · frames > 10 OR tag IS NULL
}
