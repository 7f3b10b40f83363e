package expr_test

import (
	"context"
	"math"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/expr"
)

// LIKE equals the textbook recursion on patterns and texts of a small alphabet, where matches are frequent.
func TestLikeEqualsReference(t *testing.T) {
	parts := []string{"a", "b", "é", "日", "%", "%", "_", `\%`, `\_`, `\\`}
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	rapid.Check(t, func(t *rapid.T) {
		pattern := ""
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(parts), 0, 6).Draw(t, "pattern") {
			pattern += p
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		var texts []string
		for range 20 {
			text := rapid.StringOfN(rapid.SampledFrom([]rune(`abé日%_\`)), 0, 7, -1).Draw(t, "text")
			texts = append(texts, text)
			b.Field(0).(*array.StringBuilder).Append(text)
		}
		bound, err := expr.Bind(expr.Col("s").Like(pattern), schema)
		if err != nil {
			t.Fatal(err)
		}
		out, err := bound.Eval(b.NewRecordBatch(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			if out.Value(i) != like(text, pattern) {
				t.Fatalf("%q LIKE %q is %v", text, pattern, out.Value(i))
			}
		}
	})
}

// A dictionary may hold nulls and values that no row uses, of any type and index, and the index of a null row may point anywhere.
func TestDictionaries(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	vb := array.NewInt64Builder(mem)
	vb.AppendValues([]int64{10, 0, 30}, []bool{true, false, true})
	values := vb.NewArray()
	vb.Release()
	for _, index := range []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	} {
		ib := array.NewBuilder(mem, index)
		for _, s := range []string{"0", "1", "2", "(null)", "0"} {
			if err := ib.AppendValueFromString(s); err != nil {
				t.Fatal(err)
			}
		}
		indices := ib.NewArray()
		ib.Release()
		if index.ID() == arrow.INT8 {
			indices.Data().Buffers()[1].Bytes()[3] = 0x80 // the row is null
		}
		typ := &arrow.DictionaryType{IndexType: index, ValueType: arrow.PrimitiveTypes.Int64}
		dict := array.NewDictionaryArray(typ, indices, values)
		schema := arrow.NewSchema([]arrow.Field{{Name: "d", Type: typ, Nullable: true}}, nil)
		batch := array.NewRecordBatch(schema, []arrow.Array{dict}, 5)
		for text, want := range map[string]string{
			"d = 10":          "[true (null) false (null) true]",
			"d IS NULL":       "[false true false true false]",
			"d IS NOT NULL":   "[true false true false true]",
			"d IN (30, NULL)": "[(null) (null) true (null) (null)]",
			"NOT d < 20":      "[false (null) true (null) false]",
		} {
			out, err := mustBind(t, text, schema).Eval(batch, mem)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("%s: %s is %s, want %s", index, text, out, want)
			}
			out.Release()
		}
		batch.Release()
		dict.Release()
		indices.Release()
	}
	values.Release()
	mem.AssertSize(t, 0)
}

// Every literal prints as text that reads back to it, and gives its value back.
func TestLiterals(t *testing.T) {
	for _, v := range []any{
		true, int8(-5), uint16(7), uint64(1 << 63), float32(1.5), math.Copysign(0, -1), 1e21, 1e-7, "it's", []byte{0, 255}, namedString("x"), expr.Decimal("-0.050"), expr.TimeOfDay(1),
	} {
		l := expr.Lit(v)
		if l.Err() != nil {
			t.Errorf("%v: %v", v, l.Err())
		}
		e, err := expr.Parse("a = " + l.String())
		if err != nil || !expr.Equal(e, expr.Col("a").Eq(v)) {
			t.Errorf("%v is printed as %s: %v", v, l, err)
		}
	}
	for _, l := range []expr.Literal{
		expr.Decimal("1e5"), expr.Decimal(""), expr.Decimal("1."), expr.Decimal("--1"), expr.TimeOfDay(-1), expr.Date(10000, 1, 1), expr.Lit(struct{}{}), expr.Lit(expr.Col("a")),
	} {
		if l.Kind() != expr.LiteralInvalid || l.Err() == nil {
			t.Errorf("%s is valid", l.Kind())
		}
	}
	if i, ok := expr.Lit(uint8(3)).Int(); !ok || i != 3 {
		t.Error("an unsigned integer that fits is an integer")
	}
	if u, ok := expr.Lit(3).Uint(); !ok || u != 3 {
		t.Error("3 is not negative")
	}
	if v := expr.Decimal("-0.050").Any(); v != "-0.050" {
		t.Errorf("decimal %v", v)
	}
}

type namedString string

// One batch may be evaluated and filtered by many at once, slices with nulls and dictionaries included. It is for the race detector.
func TestConcurrentReaders(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "view", Type: arrow.BinaryTypes.StringView, Nullable: true},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "s", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.BinaryTypes.String, Nullable: true}), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 300 {
		for _, f := range b.Fields() {
			if n, ok := f.(*array.Int64Builder); ok && i%4 > 0 {
				n.Append(int64(i))
			} else {
				appendSample(f, i)
			}
		}
	}
	batch := b.NewRecordBatch().NewSlice(5, 290)
	bound := mustBind(t, "n > 100 AND (flag OR d = 'a' OR s.x IS NULL OR view > 'b') AND d IS NOT NULL", schema)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				out, err := bound.Filter(context.Background(), batch, nil)
				if err != nil {
					t.Error(err)
					return
				}
				out.Release()
			}
		})
	}
	wg.Wait()
}
