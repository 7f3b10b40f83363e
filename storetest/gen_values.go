package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// The pools are small so that filters hit, rows collide and groups form.
var (
	poolText  = []string{"", "a", "b", "ab", "abc", "a%b", "a_b", "ä", "€uro", "B"}
	poolFloat = []float64{0, math.Copysign(0, -1), 1, 1.5, -2, 0.1, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 53}
	poolInt   = []int64{0, 1, 2, -1, 7, 100}
	poolTime  = []time.Time{epoch, epoch.Add(time.Microsecond), epoch.AddDate(0, 0, 1), time.Unix(0, 0).UTC(), time.Date(1969, 7, 20, 20, 17, 0, 0, time.UTC)}
	poolDay   = []time.Time{time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)}
	poolBytes = [][]byte{{}, {0}, {1, 2}, {0xff}, {1}}
)

// Values generates values of a column, as Batch takes them, nulls among them
// when nullable.
func Values(t arrow.DataType, nullable bool) *rapid.Generator[any] {
	return rapid.Custom(func(rt *rapid.T) any {
		if nullable && rapid.IntRange(0, 4).Draw(rt, "null") == 0 {
			return nil
		}
		return value(rt, t)
	})
}

func value(rt *rapid.T, t arrow.DataType) any {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return rapid.Bool().Draw(rt, "bool")
	case *arrow.Int8Type:
		return rapid.SampledFrom(append([]int64{math.MinInt8, math.MaxInt8}, poolInt...)).Draw(rt, "int8")
	case *arrow.Int32Type:
		return rapid.SampledFrom(append([]int64{math.MinInt32, math.MaxInt32}, poolInt...)).Draw(rt, "int32")
	case *arrow.Int64Type:
		return rapid.SampledFrom(append([]int64{math.MinInt64, math.MaxInt64, 1<<53 + 1}, poolInt...)).Draw(rt, "int64")
	case *arrow.Uint64Type:
		return rapid.SampledFrom([]uint64{0, 1, 7, math.MaxInt64, math.MaxUint64}).Draw(rt, "uint64")
	case *arrow.Float32Type:
		return float32(rapid.SampledFrom(poolFloat).Draw(rt, "float32"))
	case *arrow.Float64Type:
		return rapid.SampledFrom(poolFloat).Draw(rt, "float64")
	case *arrow.StringType:
		return rapid.SampledFrom(poolText).Draw(rt, "string")
	case *arrow.BinaryType:
		return rapid.SampledFrom(poolBytes).Draw(rt, "bytes")
	case *arrow.TimestampType:
		return rapid.SampledFrom(poolTime).Draw(rt, "time")
	case *arrow.Date32Type:
		return rapid.SampledFrom(poolDay).Draw(rt, "day")
	case *arrow.ListType:
		return rapid.SliceOfN(Values(t.Elem(), true), 0, 3).Draw(rt, "list")
	case *arrow.StructType:
		fields := make([]any, t.NumFields())
		for i, f := range t.Fields() {
			fields[i] = Values(f.Type, f.Nullable).Draw(rt, f.Name)
		}
		return fields
	}
	panic(fmt.Sprintf("storetest: no generator for %s", t))
}

// columnTypes are what Schemas draws from.
func columnTypes() []arrow.DataType {
	return []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String,
		arrow.BinaryTypes.Binary, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, arrow.FixedWidthTypes.Date32,
		arrow.ListOf(arrow.PrimitiveTypes.Int64),
		arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "y", Type: arrow.BinaryTypes.String, Nullable: true}),
	}
}

// Schemas generates what a feature may hold: "sample_id", up to five user
// columns, and "data_version" with these containers.
func Schemas(containers ...string) *rapid.Generator[*arrow.Schema] {
	return rapid.Custom(func(rt *rapid.T) *arrow.Schema {
		fields := []arrow.Field{{Name: core.DefaultID, Type: arrow.BinaryTypes.String}}
		for i, t := range rapid.SliceOfN(rapid.SampledFrom(columnTypes()), 0, 5).Draw(rt, "types") {
			fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: t, Nullable: true})
		}
		return arrow.NewSchema(append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(containers)}), nil)
	})
}

// Tables generates up to most rows of such a schema as Batch takes them. Ids
// (s000, s001, …, from a range twice as large) occur once in a table.
func Tables(schema *arrow.Schema, most int) *rapid.Generator[[][]any] {
	return rapid.Custom(func(rt *rapid.T) [][]any {
		ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 2*most), 0, most, rapid.ID[int]).Draw(rt, "ids")
		rows := make([][]any, len(ids))
		for i, id := range ids {
			row := []any{sampleID(id)}
			for _, f := range schema.Fields()[1:] {
				if f.Name == core.ColDataVersion {
					row = append(row, versions(rt, f.Type.(*arrow.StructType)))
					continue
				}
				row = append(row, Values(f.Type, f.Nullable).Draw(rt, f.Name))
			}
			rows[i] = row
		}
		return rows
	})
}

// versions draws a data version, whose containers are never null.
func versions(rt *rapid.T, t *arrow.StructType) []any {
	v := make([]any, t.NumFields())
	for i, f := range t.Fields() {
		v[i] = rapid.SampledFrom([]string{"v1", "v2", "v3", `a|b`, `a\`, ""}).Draw(rt, f.Name)
	}
	return v
}

// Batches generates record batches of a schema that Schemas gave; they hold
// garbage-collected memory.
func Batches(schema *arrow.Schema) *rapid.Generator[arrow.RecordBatch] {
	return rapid.Custom(func(rt *rapid.T) arrow.RecordBatch {
		return Batch(goAllocator, schema, Tables(schema, 8).Draw(rt, "rows")...)
	})
}
