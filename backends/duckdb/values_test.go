//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// leaves are the types that nothing is nested in.
func leaves() []arrow.DataType {
	out := []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Float16, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView, arrow.BinaryTypes.Binary,
		arrow.BinaryTypes.LargeBinary, arrow.BinaryTypes.BinaryView, &arrow.FixedSizeBinaryType{ByteWidth: 3},
		&arrow.Decimal32Type{Precision: 7, Scale: 2}, &arrow.Decimal64Type{Precision: 18, Scale: 18}, &arrow.Decimal128Type{Precision: 4, Scale: 2},
		&arrow.Decimal128Type{Precision: 38, Scale: 0}, &arrow.Decimal128Type{Precision: 10, Scale: -2}, &arrow.Decimal256Type{Precision: 60, Scale: 5},
		arrow.FixedWidthTypes.MonthInterval, arrow.FixedWidthTypes.DayTimeInterval, arrow.FixedWidthTypes.MonthDayNanoInterval,
	}
	p := arrow.PrimitiveTypes
	out = append(out, p.Int8, p.Int16, p.Int32, p.Int64, p.Uint8, p.Uint16, p.Uint32, p.Uint64, p.Float32, p.Float64)
	for _, u := range []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond} {
		for _, zone := range []string{"", "UTC", "America/St_Johns", "+05:30"} {
			out = append(out, &arrow.TimestampType{Unit: u, TimeZone: zone})
		}
		out = append(out, &arrow.DurationType{Unit: u})
	}
	return append(out, arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time64ns)
}

func typeGen(depth int) *rapid.Generator[arrow.DataType] {
	leaf := rapid.SampledFrom(leaves())
	if depth == 0 {
		return leaf
	}
	return rapid.Custom(func(t *rapid.T) arrow.DataType {
		elem := typeGen(depth - 1)
		switch rapid.IntRange(0, 9).Draw(t, "shape") {
		case 0:
			return arrow.ListOf(elem.Draw(t, "elem"))
		case 1:
			return arrow.LargeListOf(elem.Draw(t, "elem"))
		case 2:
			return arrow.FixedSizeListOf(int32(rapid.IntRange(1, 3).Draw(t, "width")), elem.Draw(t, "elem"))
		case 3:
			names := []string{"a", "A", "b c", "", "rowid"} // two differ in case alone
			fields := make([]arrow.Field, rapid.IntRange(0, len(names)).Draw(t, "fields"))
			for i := range fields {
				fields[i] = arrow.Field{Name: names[i], Type: elem.Draw(t, "field"), Nullable: true}
			}
			return arrow.StructOf(fields...)
		case 4:
			return arrow.MapOf(rapid.SampledFrom([]arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int16}).Draw(t, "key"), elem.Draw(t, "item"))
		case 5:
			return &arrow.DictionaryType{
				IndexType: rapid.SampledFrom([]arrow.DataType{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint32}).Draw(t, "index"),
				ValueType: rapid.SampledFrom([]arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Timestamp_ns, &arrow.Decimal128Type{Precision: 5, Scale: 1}}).Draw(t, "value"),
			}
		}
		return leaf.Draw(t, "leaf")
	})
}

var extremes = []int64{0, 1, -1, math.MaxInt8, math.MinInt8, math.MaxInt16, math.MinInt16, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}

// appendRandom appends one value.
func appendRandom(t *rapid.T, b array.Builder, typ arrow.DataType) {
	if typ.ID() == arrow.NULL || rapid.IntRange(0, 4).Draw(t, "null") == 0 {
		b.AppendNull()
		return
	}
	n := rapid.OneOf(rapid.SampledFrom(extremes), rapid.Int64Range(-20, 20)).Draw(t, "n")
	text := rapid.SampledFrom([]string{"", "a", "ab", "a%b_", "ä€😀", "a\x00b", "it's \"quoted\" \\", "z"}).Draw(t, "text")
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(n&1 == 0)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(n)
	case *array.Uint8Builder:
		b.Append(uint8(n))
	case *array.Uint16Builder:
		b.Append(uint16(n))
	case *array.Uint32Builder:
		b.Append(uint32(n))
	case *array.Uint64Builder:
		b.Append(uint64(n))
	case *array.Float16Builder:
		b.Append(float16.New(float32(randomFloat(t))))
	case *array.Float32Builder:
		b.Append(float32(randomFloat(t)))
	case *array.Float64Builder:
		b.Append(randomFloat(t))
	case *array.StringBuilder:
		b.Append(text)
	case *array.LargeStringBuilder:
		b.Append(text)
	case *array.StringViewBuilder:
		b.Append(text + strings.Repeat("long", int(n&7)))
	case *array.BinaryViewBuilder:
		b.Append([]byte(text + "\xff"))
	case *array.BinaryBuilder:
		b.Append([]byte(text + "\xff"))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(n), byte(n >> 8), 0})
	case *array.Date32Builder:
		b.Append(arrow.Date32(n))
	case *array.Date64Builder:
		b.Append(arrow.Date64(n))
	case *array.Time32Builder:
		b.Append(arrow.Time32(n))
	case *array.Time64Builder:
		b.Append(arrow.Time64(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(n))
	case *array.MonthIntervalBuilder:
		b.Append(arrow.MonthInterval(n))
	case *array.DayTimeIntervalBuilder:
		b.Append(arrow.DayTimeInterval{Days: int32(n), Milliseconds: int32(n >> 32)})
	case *array.MonthDayNanoIntervalBuilder:
		b.Append(arrow.MonthDayNanoInterval{Months: int32(n), Days: 3, Nanoseconds: n})
	case *array.Decimal32Builder:
		b.Append(decimal.Decimal32(n % 1e7))
	case *array.Decimal64Builder:
		b.Append(decimal.Decimal64(n % 1e18))
	case *array.Decimal128Builder:
		if typ.(*arrow.Decimal128Type).Precision < 38 {
			n %= 1e4
		}
		b.Append(decimal128.FromI64(n))
	case *array.Decimal256Builder:
		b.Append(decimal256.FromI64(n))
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range typ.(*arrow.StructType).Fields() {
			appendRandom(t, b.FieldBuilder(i), f.Type)
		}
	case *array.MapBuilder:
		b.Append(true)
		for range rapid.IntRange(0, 2).Draw(t, "entries") {
			switch k := b.KeyBuilder().(type) {
			case *array.StringBuilder:
				k.Append(text) // the same key again and again
			case *array.Int16Builder:
				k.Append(int16(n))
			}
			appendRandom(t, b.ItemBuilder(), typ.(*arrow.MapType).ItemType())
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range typ.(*arrow.FixedSizeListType).Len() {
			appendRandom(t, b.ValueBuilder(), typ.(*arrow.FixedSizeListType).Elem())
		}
	case array.ListLikeBuilder:
		b.Append(true)
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			appendRandom(t, b.ValueBuilder(), typ.(arrow.ListLikeType).Elem())
		}
	case array.DictionaryBuilder:
		one := array.NewBuilder(memory.DefaultAllocator, typ.(*arrow.DictionaryType).ValueType)
		appendRandom(t, one, typ.(*arrow.DictionaryType).ValueType)
		if err := b.AppendArray(one.NewArray()); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("no values for %s", typ)
	}
}

func randomFloat(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.5, -1, 0.1, math.NaN(), math.Inf(1), math.Inf(-1), 65504}).Draw(t, "float")
}

// typedRows gives n rows with a column "value" of the type, cut into slices of larger batches.
func typedRows(t *rapid.T, typ arrow.DataType, n int) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "value", Type: typ, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		appendRandom(t, b.Field(1), typ)
		b.Field(2).(*array.StructBuilder).Append(true)
		b.Field(2).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append("v")
	}
	batch := b.NewRecordBatch()
	cut := int64(rapid.IntRange(0, n).Draw(t, "cut"))
	return core.RowsOf(schema, batch.NewSlice(0, cut), batch.NewSlice(cut, int64(n)))
}

// shown prints values with NaN and the signs of zeros.
func shown(rows core.Rows, t failer) map[int64]string {
	out := map[int64]string{}
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		ids := b.Column(b.Schema().FieldIndices("sample_id")[0]).(*array.Int64)
		v := b.Column(b.Schema().FieldIndices("value")[0])
		for i := range ids.Len() {
			out[ids.Value(i)] = render(v, i)
		}
	}
	return out
}

// render is exact, and does not look behind nulls.
func render(arr arrow.Array, i int) string {
	if arr.IsNull(i) {
		return "null"
	}
	var parts []string
	switch a := arr.(type) {
	case *array.Float16:
		return fmt.Sprintf("%x", a.Value(i).Uint16())
	case *array.Float32:
		return fmt.Sprintf("%x", math.Float32bits(a.Value(i)))
	case *array.Float64:
		return fmt.Sprintf("%x", math.Float64bits(a.Value(i)))
	case *array.Dictionary:
		return render(a.Dictionary(), a.GetValueIndex(i))
	case *array.Struct:
		for f := range a.NumField() {
			parts = append(parts, render(a.Field(f), i))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		for j := from; j < to; j++ {
			parts = append(parts, render(a.ListValues(), int(j)))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Date32:
		return fmt.Sprint(int32(a.Value(i)))
	case *array.Date64:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Decimal128:
		return a.Value(i).BigInt().String()
	}
	return arr.ValueStr(i)
}
