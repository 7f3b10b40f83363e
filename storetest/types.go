package storetest

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// TypeCase is an Arrow type with values at its edges.
type TypeCase struct {
	Type   arrow.DataType
	Values []any
}

// TypeNames lists the types that property W1 writes, for Config.Types.
func TypeNames() []string { return slices.Sorted(maps.Keys(typeCases())) }

// typeCases are made anew each time: nobody can change another's.
func typeCases() map[string]TypeCase {
	micro := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	milli := &arrow.TimestampType{Unit: arrow.Millisecond}
	berlin := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"}
	nano := &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}
	str, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	texts := []any{"", "a", "ä€😀", "a\x00b", "null", "NULL", " ", `quote'"\`, strings.Repeat("long", 5000)}
	bytes := []any{[]byte{}, []byte{0}, []byte{0xff, 0xfe, 0}, []byte("text")}
	times := []any{epoch, time.Unix(0, 0).UTC(), time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC), time.Date(2261, 1, 1, 0, 0, 0, 1000, time.UTC)}
	days := []any{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1900, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	inner := arrow.StructOf(arrow.Field{Name: "x", Type: i64, Nullable: true}, arrow.Field{Name: "y", Type: arrow.ListOf(str), Nullable: true})
	return map[string]TypeCase{
		"bool":                {arrow.FixedWidthTypes.Boolean, []any{true, false}},
		"int8":                {arrow.PrimitiveTypes.Int8, []any{math.MinInt8, -1, 0, math.MaxInt8}},
		"int16":               {arrow.PrimitiveTypes.Int16, []any{math.MinInt16, -1, 0, math.MaxInt16}},
		"int32":               {arrow.PrimitiveTypes.Int32, []any{math.MinInt32, -1, 0, math.MaxInt32}},
		"int64":               {i64, []any{math.MinInt64, -1, 0, math.MaxInt64, 1<<53 + 1}},
		"uint8":               {arrow.PrimitiveTypes.Uint8, []any{0, math.MaxUint8}},
		"uint16":              {arrow.PrimitiveTypes.Uint16, []any{0, math.MaxUint16}},
		"uint32":              {arrow.PrimitiveTypes.Uint32, []any{0, math.MaxUint32}},
		"uint64":              {arrow.PrimitiveTypes.Uint64, []any{0, uint64(math.MaxUint64), 1<<53 + 1}},
		"float32":             {arrow.PrimitiveTypes.Float32, floats(math.MaxFloat32, math.SmallestNonzeroFloat32)},
		"float64":             {arrow.PrimitiveTypes.Float64, floats(math.MaxFloat64, math.SmallestNonzeroFloat64)},
		"string":              {str, texts},
		"large_string":        {arrow.BinaryTypes.LargeString, texts},
		"binary":              {arrow.BinaryTypes.Binary, bytes},
		"large_binary":        {arrow.BinaryTypes.LargeBinary, bytes},
		"fixed_binary":        {&arrow.FixedSizeBinaryType{ByteWidth: 3}, []any{[]byte{0, 0, 0}, []byte{1, 0xff, 0}}},
		"date32":              {arrow.FixedWidthTypes.Date32, days},
		"date64":              {arrow.FixedWidthTypes.Date64, days},
		"time32_ms":           {arrow.FixedWidthTypes.Time32ms, []any{0, 86_399_999}},
		"time64_us":           {arrow.FixedWidthTypes.Time64us, []any{0, int64(86_399_999_999)}},
		"duration_us":         {arrow.FixedWidthTypes.Duration_us, []any{0, -1, int64(1) << 40}},
		"timestamp_us_utc":    {micro, times},
		"timestamp_ns_utc":    {nano, append(slices.Clone(times[:3]), time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC))},
		"timestamp_ms_naive":  {milli, times[:3]},
		"timestamp_us_berlin": {berlin, times},
		"decimal128":          {&arrow.Decimal128Type{Precision: 20, Scale: 3}, []any{decimal128.FromI64(0), decimal128.FromI64(-12345), decimal128.FromI64(math.MaxInt64)}},
		"list":                {arrow.ListOf(i64), []any{[]any{}, []any{nil}, []any{1, 2, nil}, []any{math.MinInt64}}},
		"large_list":          {arrow.LargeListOf(str), []any{[]any{}, []any{"", nil}}},
		"fixed_list":          {arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), []any{[]any{1.5, nil}, []any{0, math.Copysign(0, -1)}}},
		"list_of_list":        {arrow.ListOf(arrow.ListOf(str)), []any{[]any{}, []any{[]any{}, nil, []any{"a", nil}}}},
		"struct":              {inner, []any{[]any{nil, nil}, []any{1, []any{}}, []any{2, []any{"a", nil}}}},
		"list_of_struct":      {arrow.ListOf(inner), []any{[]any{}, []any{[]any{1, nil}, nil, []any{nil, []any{"z"}}}}},
		"map":                 {arrow.MapOf(str, i64), []any{[]any{}, []any{"a", 1, "b", nil}}},
		"dictionary":          {&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: str}, []any{"a", "b", "a", "", "a"}},
	}
}

func floats(largest, smallest float64) []any {
	return []any{0.0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), largest, -largest, smallest, 0.1}
}
