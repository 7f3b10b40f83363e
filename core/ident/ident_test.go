package ident_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/ident"
)

// column builds an array of any type out of texts; "-" is null.
func column(t fatal, typ arrow.DataType, texts ...string) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	defer b.Release()
	for _, s := range texts {
		if s == "-" {
			b.AppendNull()
		} else if err := b.AppendValueFromString(s); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewArray()
}

type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func batch(columns ...arrow.Array) (arrow.RecordBatch, []string) {
	var fields []arrow.Field
	var names []string
	for i, c := range columns {
		names = append(names, fmt.Sprint("c", i))
		fields = append(fields, arrow.Field{Name: names[i], Type: c.DataType(), Nullable: true})
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(columns[0].Len())), names
}

func dictionary(index, value arrow.DataType) arrow.DataType {
	return &arrow.DictionaryType{IndexType: index, ValueType: value}
}

func TestCanonicalText(t *testing.T) {
	for _, c := range []struct {
		typ  arrow.DataType
		in   string
		want string
	}{
		{arrow.BinaryTypes.String, `a|\`, `a|\`},
		{arrow.BinaryTypes.LargeString, "é", "é"},
		{arrow.BinaryTypes.StringView, "longer than twelve bytes", "longer than twelve bytes"},
		{arrow.BinaryTypes.Binary, "/w8=", "ff0f"},
		{&arrow.FixedSizeBinaryType{ByteWidth: 2}, "/w8=", "ff0f"},
		{arrow.PrimitiveTypes.Int8, "-128", "-128"},
		{arrow.PrimitiveTypes.Uint64, "18446744073709551615", "18446744073709551615"},
		{arrow.FixedWidthTypes.Boolean, "true", "true"},
		{arrow.FixedWidthTypes.Date32, "1970-01-02", "1"},
		{arrow.FixedWidthTypes.Timestamp_us, "1970-01-01T00:00:01Z", "1000000"},
		{dictionary(arrow.PrimitiveTypes.Int8, arrow.BinaryTypes.String), "d", "d"},
	} {
		rec, names := batch(column(t, c.typ, "-", c.in))
		v, err := ident.Bind(rec, names)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(v.AppendText(nil, 1)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.typ, got, c.want)
		}
		if row, name, found := v.FirstNull(); !found || row != 0 || name != "c0" {
			t.Errorf("%s: null at %d of %q, %v", c.typ, row, name, found)
		}
	}
	rec, names := batch(column(t, arrow.BinaryTypes.String, `a|b\`), column(t, arrow.PrimitiveTypes.Int64, "7"))
	v, err := ident.Bind(rec, names)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(v.AppendText(nil, 0)), `a\|b\\|7`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTypesThatCannotIdentify(t *testing.T) {
	for _, typ := range []arrow.DataType{
		arrow.PrimitiveTypes.Float64, arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.Null,
		dictionary(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Float32),
	} {
		if ident.CheckType(typ) == nil {
			t.Errorf("%s identifies", typ)
		}
		if ident.Comparable(typ, typ) {
			t.Errorf("%s meets itself", typ)
		}
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		rec, names := batch(b.NewArray())
		b.Release()
		if _, err := ident.BindKeys(rec, names); err == nil {
			t.Errorf("keys of %s", typ)
		}
	}
}

// alike are types whose ids can be the same, with values that all can hold.
var alike = map[string][]arrow.DataType{
	"number": {
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8,
		arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, dictionary(arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32),
	},
	"text": {arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView, dictionary(arrow.PrimitiveTypes.Uint8, arrow.BinaryTypes.String)},
}

var values = map[string][]string{
	"number": {"0", "1", "7", "127", "-"},
	"text":   {"", "a", "ab", "four", "eight by", "nine byte", "exactly 16 bytes", "a text of more than sixteen bytes", "a text of more than sixteen byteS", "-"},
}

// Hash and equality agree with the canonical text, whatever the encoding.
func TestKeysAgreeWithText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 6).Draw(t, "rows")
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"number", "text"}), 1, 3).Draw(t, "kinds")
		var sides [2]arrow.RecordBatch
		var names []string
		for i := range sides {
			var columns []arrow.Array
			for _, k := range kinds {
				typ := rapid.SampledFrom(alike[k]).Draw(t, "type")
				if other := rapid.SampledFrom(alike[k]).Draw(t, "other"); !ident.Comparable(typ, other) {
					t.Fatalf("%s never meets %s", typ, other)
				}
				texts := rapid.SliceOfN(rapid.SampledFrom(values[k]), rows+1, rows+1).Draw(t, "values")
				columns = append(columns, array.NewSlice(column(t, typ, texts...), 1, int64(rows+1)))
			}
			sides[i], names = batch(columns...)
		}
		var keys [2]*ident.Keys
		var views [2]*ident.View
		var hashes [2][]uint64
		for i, rec := range sides {
			var err error
			if keys[i], err = ident.BindKeys(rec, names); err != nil {
				t.Fatal(err)
			}
			if views[i], err = ident.Bind(rec, names); err != nil {
				t.Fatal(err)
			}
			hashes[i] = make([]uint64, rows)
			keys[i].Hash(hashes[i], 0)
			first := slices.IndexFunc(slices.Collect(span(rows)), func(r int) bool { return keys[i].HasNulls() && keys[i].Null(r) })
			if row, _, found := views[i].FirstNull(); found != (first >= 0) || found && row != first {
				t.Fatalf("first null in %d and %d", row, first)
			}
		}
		for a := range rows {
			for b := range rows {
				if keys[0].Null(a) || keys[1].Null(b) {
					continue
				}
				same := string(views[0].AppendText(nil, a)) == string(views[1].AppendText(nil, b))
				if keys[0].Equal(a, keys[1], b) != same {
					t.Fatalf("rows %d and %d: equal is not %v", a, b, same)
				}
				if same != (hashes[0][a] == hashes[1][b]) {
					t.Fatalf("rows %d and %d: same %v, hashes %x %x", a, b, same, hashes[0][a], hashes[1][b])
				}
			}
		}
		if rows > 1 {
			part := make([]uint64, rows-1)
			keys[0].Hash(part, 1)
			if !slices.Equal(part, hashes[0][1:]) {
				t.Fatal("a part hashes differently")
			}
		}
	})
}

func span(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestExtremeNumbersDoNotMeet(t *testing.T) {
	a, names := batch(column(t, arrow.PrimitiveTypes.Int64, "-1"))
	b, _ := batch(column(t, arrow.PrimitiveTypes.Uint64, "18446744073709551615"))
	ka, _ := ident.BindKeys(a, names)
	kb, _ := ident.BindKeys(b, names)
	if ka.Equal(0, kb, 0) || !kb.Equal(0, kb, 0) {
		t.Error("-1 meets the largest uint64, or that not itself")
	}
	for _, p := range [][2]arrow.DataType{
		{arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Timestamp_ms},
		{arrow.FixedWidthTypes.Timestamp_us, &arrow.TimestampType{Unit: arrow.Microsecond}},
		{arrow.FixedWidthTypes.Date32, arrow.PrimitiveTypes.Int32},
		{arrow.BinaryTypes.String, arrow.BinaryTypes.Binary},
	} {
		if ident.Comparable(p[0], p[1]) {
			t.Errorf("%s meets %s", p[0], p[1])
		}
	}
}

func TestSeen(t *testing.T) {
	s := ident.NewSeen(0)
	for i, texts := range [][]string{{"a", "b"}, {"c", "b", "a"}} {
		rec, names := batch(column(t, arrow.BinaryTypes.String, texts...))
		v, err := ident.Bind(rec, names)
		if err != nil {
			t.Fatal(err)
		}
		first, again, found := s.Add(v)
		if found != (i == 1) || found && (first != 1 || again != 3) {
			t.Fatalf("batch %d: rows %d and %d, %v", i, first, again, found)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	numbers, texts := make([]string, 1<<12), make([]string, 1<<12)
	for i := range numbers {
		numbers[i], texts[i] = fmt.Sprint(i), fmt.Sprintf("sample-%012d", i)
	}
	for name, arr := range map[string]arrow.Array{
		"int64": column(b, arrow.PrimitiveTypes.Int64, numbers...), "string": column(b, arrow.BinaryTypes.String, texts...),
	} {
		b.Run(name, func(b *testing.B) {
			rec, names := batch(arr)
			keys, err := ident.BindKeys(rec, names)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]uint64, keys.Rows())
			for b.Loop() {
				keys.Hash(dst, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/id")
		})
	}
}
