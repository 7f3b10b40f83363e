package expr_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core/expr"
)

var bindSchema = arrow.NewSchema([]arrow.Field{
	{Name: "region", Type: arrow.BinaryTypes.String},
	{Name: "frames", Type: arrow.PrimitiveTypes.Int8},
	{Name: "written_at", Type: arrow.FixedWidthTypes.Timestamp_us},
	{Name: "data_version", Type: arrow.StructOf(arrow.Field{Name: "frames", Type: arrow.BinaryTypes.String})},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String)},
	{Name: "a.b", Type: arrow.PrimitiveTypes.Int8},
	{Name: "twice", Type: arrow.PrimitiveTypes.Int8},
	{Name: "twice", Type: arrow.PrimitiveTypes.Int8},
}, nil)

func TestBindErrors(t *testing.T) {
	for _, c := range []struct{ text, detail string }{
		{"frames = 1 AND regoin = 'x'", "filter:1:16: unknown column \"regoin\", did you mean \"region\"?\n  frames = 1 AND regoin = 'x'\n                 ^"},
		{"zzzzzz = 1", "filter:1:1: unknown column \"zzzzzz\"\n  zzzzzz = 1\n  ^"},
		{"data_version.frame = 'x'", "filter:1:1: unknown column \"data_version.frame\", did you mean \"data_version.frames\"?\n  data_version.frame = 'x'\n  ^"},
		{"region.x = 'x'", "filter:1:1: unknown column \"region.x\": \"region\" is utf8 and has no fields\n  region.x = 'x'\n  ^"},
		{"a.b = 1", "filter:1:1: unknown column \"a.b\"; the name holds dots and is written in double quotes\n  a.b = 1\n  ^"},
		{"twice=1", "filter:1:1: column \"twice\" is ambiguous: the schema has \"twice\" twice\n  twice=1\n  ^"},
		{"frames = 'x'", "filter:1:10: column \"frames\" is int8 and cannot be compared with a string; write a number\n  frames = 'x'\n           ^"},
		{"frames IN (1, 2, 'x')", "filter:1:18: column \"frames\" is int8 and cannot be compared with a string; write a number\n  frames IN (1, 2, 'x')\n                   ^"},
		{"region BETWEEN 'a' AND 5", "filter:1:24: column \"region\" is utf8 and cannot be compared with an integer; write 'text'\n  region BETWEEN 'a' AND 5\n                         ^"},
		{"written_at > '2026-01-01'", "filter:1:14: column \"written_at\" is timestamp[us, tz=UTC] and cannot be compared with a string; write TIMESTAMP '2026-01-02T03:04:05Z' or DATE '2026-01-02'\n  written_at > '2026-01-01'\n               ^"},
		{"frames LIKE 'x'", "filter:1:1: column \"frames\" is int8, and LIKE needs a string column\n  frames LIKE 'x'\n  ^"},
		{"tags = 'x'", "filter:1:1: column \"tags\" is a list, which can be tested with IS NULL only\n  tags = 'x'\n  ^"},
		{"data_version = 'x'", "filter:1:1: column \"data_version\" is a struct, which can be tested with IS NULL only\n  data_version = 'x'\n  ^"},
	} {
		e, err := expr.Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		_, err = expr.Bind(e, bindSchema)
		var pe *expr.Error
		if !errors.As(err, &pe) || pe.Detail() != c.detail {
			t.Errorf("%s:\n%v\nwant\n%s", c.text, err, c.detail)
			if pe != nil {
				t.Log(pe.Detail())
			}
		}
	}
}

// A tree built in code has no text; its errors have a place in the printed one. None of these panics.
func TestBindErrorsOfBuiltTrees(t *testing.T) {
	col := expr.Col
	deep := expr.True()
	for range 5000 {
		deep = expr.NotExpr{Term: deep}
	}
	for _, c := range []struct {
		e    expr.Expr
		want string
	}{
		{expr.And(col("frames").Eq(1), col("regoin").Eq("x")), `filter:1:16: unknown column "regoin", did you mean "region"?`},
		{col("frames").Eq(make(chan int)), `filter:1:10: column "frames": a Go value of type chan int is no literal`},
		{col("frames").Eq(col("region")), `filter:1:10: column "frames": a column is compared with a literal, not with another column or expression`},
		{expr.And(col("frames").Gt(1), col("frames").Eq(nil)), `filter:1:23: column "frames": a comparison with NULL is unknown for every row; use IS NULL or IS NOT NULL`},
		{col("frames").Between(nil, 1), `filter:1:16: column "frames": a comparison with NULL is unknown for every row; use IS NULL or IS NOT NULL`},
		{expr.Compare{}, "filter:1:4: unknown comparison operator"},
		{expr.IsNull{}, "filter:1:1: a column needs a name"},
		{col("region").Like(`\`), "filter:1:13: the pattern ends with the escape character; write \\\\ for a backslash"},
		{deep, "filter:1:1: the filter is nested too deep"},
		{struct{ expr.Expr }{expr.True()}, "filter:1:1: unknown node; the nodes of an expression are those of package expr"},
	} {
		if _, err := expr.Bind(c.e, bindSchema); err == nil || err.Error() != c.want {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

func TestPointerNodes(t *testing.T) {
	e := &expr.AndExpr{Terms: []expr.Expr{&expr.Compare{Column: expr.Col("frames"), Op: expr.Eq, Value: expr.Int(1)}, (*expr.In)(nil), nil}}
	if _, err := expr.Bind(e, bindSchema); err != nil {
		t.Error(err)
	}
	if !expr.Equal(e, expr.Col("frames").Eq(1)) || e.String() != "frames = 1" {
		t.Errorf("%s", e)
	}
}

// A literal that the type cannot hold compares as itself: it is neither rounded nor wrapped.
func TestExactComparison(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "i8", Type: arrow.PrimitiveTypes.Int8}, {Name: "f32", Type: arrow.PrimitiveTypes.Float32}, {Name: "f64", Type: arrow.PrimitiveTypes.Float64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	const rows = 70 // more than a word, since the loops treat the last words apart
	for range rows {
		b.Field(0).(*array.Int8Builder).Append(-24) // int8(1000) if it wrapped
		b.Field(1).(*array.Float32Builder).Append(0.1)
		b.Field(2).(*array.Float64Builder).Append(math.NaN())
	}
	batch := b.NewRecordBatch()
	for text, want := range map[string]bool{
		"i8 = 1000": false, "i8 < 1000": true, "i8 <> 1000": true, "i8 > -1000": true, "i8 < -23.5": true, "i8 >= -24.5": true, "i8 = -24.0": true, "i8 > -23.5": false,
		"f32 = 0.1": false, "f32 > 0.1": true, "f32 = 0.10000000149011612": true, "i8 < FLOAT 'NaN'": true, "i8 IN (1000, -24)": true,
		"f64 <> FLOAT 'NaN'": false, "f64 < FLOAT 'NaN'": false, "f64 <= FLOAT 'NaN'": true, "f64 > FLOAT 'NaN'": false, "f64 >= FLOAT 'NaN'": true,
		"f32 <> FLOAT 'NaN'": true, "f32 < FLOAT 'NaN'": true, "f32 <= FLOAT 'NaN'": true, "f32 > FLOAT 'NaN'": false, "f32 >= FLOAT 'NaN'": false,
		"f64 = FLOAT 'NaN'": true, "f64 > FLOAT 'Infinity'": true, "f64 < 0": false, "f64 >= 0": true, "f64 IN (1, FLOAT 'NaN')": true, "f64 BETWEEN 0 AND FLOAT 'NaN'": true,
	} {
		out, err := mustBind(t, text, schema).Eval(batch, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if out.IsNull(i) || out.Value(i) != want {
				t.Fatalf("%s is %s", text, out)
			}
		}
	}
}

// Batches are matched by name, whatever their order; one that does not match is an error. Concurrent use is safe.
func TestOtherSchemas(t *testing.T) {
	ab := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.PrimitiveTypes.Int64}}, nil)
	ba := arrow.NewSchema([]arrow.Field{{Name: "b", Type: arrow.PrimitiveTypes.Int64}, {Name: "x", Type: arrow.Null}, {Name: "a", Type: arrow.PrimitiveTypes.Int64}}, nil)
	batch := func(s *arrow.Schema, a, b int64) arrow.RecordBatch {
		rb := array.NewRecordBuilder(memory.DefaultAllocator, s)
		rb.Field(s.FieldIndices("a")[0]).(*array.Int64Builder).AppendValues([]int64{a, a}, nil)
		rb.Field(s.FieldIndices("b")[0]).(*array.Int64Builder).AppendValues([]int64{b, b}, nil)
		if i := s.FieldIndices("x"); i != nil {
			rb.Field(i[0]).AppendNulls(2)
		}
		return rb.NewRecordBatch()
	}
	bound := mustBind(t, "a = 1 AND b = 2", ab)
	first, second := batch(ab, 1, 2), batch(ba, 1, 2)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				for _, in := range []arrow.RecordBatch{first, second} {
					out, err := bound.Filter(context.Background(), in, nil)
					if err != nil || out.NumRows() != 2 {
						t.Errorf("%v %v", out, err)
						return
					}
					out.Release()
				}
			}
		})
	}
	wg.Wait()
	other := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int32}}, nil)
	rb := array.NewRecordBuilder(memory.DefaultAllocator, other)
	if _, err := bound.Eval(rb.NewRecordBatch(), nil); err == nil || err.Error() != `filter: the batch does not match the schema: column "a" is int32, not int64` {
		t.Error(err)
	}
	if _, err := bound.Eval(nil, nil); err == nil {
		t.Error("a nil batch was accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := bound.Filter(ctx, first, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Filter keeps columns of every type, those that Arrow's kernels lack included, and leaks nothing.
func TestFilterEveryType(t *testing.T) {
	leaf := []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String, arrow.BinaryTypes.StringView, arrow.BinaryTypes.BinaryView,
		arrow.PrimitiveTypes.Int16, &arrow.Decimal32Type{Precision: 5}, &arrow.Decimal64Type{Precision: 12}, arrow.FixedWidthTypes.MonthInterval, arrow.FixedWidthTypes.DayTimeInterval,
		arrow.FixedWidthTypes.MonthDayNanoInterval, arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.StringView),
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, extensions.NewUUIDType(),
	}
	types := append([]arrow.DataType(nil), leaf...)
	for _, l := range leaf {
		types = append(types, arrow.ListOf(l), arrow.LargeListOf(l), arrow.FixedSizeListOf(2, l), arrow.StructOf(arrow.Field{Name: "x", Type: l, Nullable: true}))
	}
	types = append(types, arrow.ListViewOf(arrow.BinaryTypes.String), arrow.ListOf(arrow.StructOf(arrow.Field{Name: "m", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.FixedWidthTypes.Boolean)})))
	const n = 200
	for _, typ := range types {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		schema := arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "v", Type: typ, Nullable: true}}, nil)
		rb := array.NewRecordBuilder(mem, schema)
		for i := range n {
			rb.Field(0).(*array.Int64Builder).Append(int64(i * 7 % n))
			appendSample(rb.Field(1), i)
		}
		whole := rb.NewRecordBatch()
		rb.Release()
		batch := whole.NewSlice(3, n-5)
		for _, text := range []string{"i < 60", "i >= 60", "i = 21", "i < 0", "i >= 0"} {
			out, err := mustBind(t, text, schema).Filter(context.Background(), batch, mem)
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			row := 0
			for r := range int(batch.NumRows()) {
				i := batch.Column(0).(*array.Int64).Value(r)
				if keep := map[string]bool{"i < 60": i < 60, "i >= 60": i >= 60, "i = 21": i == 21, "i < 0": i < 0, "i >= 0": true}[text]; !keep {
					continue
				}
				if got, want := out.Column(1).ValueStr(row), batch.Column(1).ValueStr(r); got != want {
					t.Fatalf("%s: %s: row %d is %s, want %s", typ, text, row, got, want)
				}
				row++
			}
			if int(out.NumRows()) != row {
				t.Errorf("%s: %d rows, want %d", typ, out.NumRows(), row)
			}
			out.Release()
		}
		batch.Release()
		whole.Release()
		mem.AssertSize(t, 0)
	}
}

// appendSample appends a value, null or a list that depends on i.
func appendSample(b array.Builder, i int) {
	if i%5 == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(i%3 == 0)
	case *array.StringBuilder:
		b.Append(sampleText(i))
	case *array.StringViewBuilder:
		b.Append(sampleText(i))
	case *array.BinaryViewBuilder:
		b.Append([]byte(sampleText(i)))
	case *array.Int16Builder:
		b.Append(int16(i))
	case *array.BinaryDictionaryBuilder:
		_ = b.AppendString(sampleText(i % 7))
	case *array.MapBuilder:
		b.Append(true)
		for j := range i % 3 {
			b.KeyBuilder().(*array.StringBuilder).Append(sampleText(j))
			appendSample(b.ItemBuilder(), i+j+1)
		}
	case *array.ListBuilder:
		b.Append(true)
		for j := range i % 4 {
			appendSample(b.ValueBuilder(), i+j)
		}
	case *array.LargeListBuilder:
		b.Append(true)
		for j := range i % 4 {
			appendSample(b.ValueBuilder(), i+j)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		appendSample(b.ValueBuilder(), i)
		appendSample(b.ValueBuilder(), i+1)
	case *array.StructBuilder:
		b.Append(true)
		appendSample(b.FieldBuilder(0), i+2)
	default:
		b.AppendEmptyValue()
	}
}

func sampleText(i int) string {
	return "a text longer than a view holds inline"[:i%38] + string(rune('a'+i%26))
}
