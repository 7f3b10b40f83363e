package storetest

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// Batch builds a record batch from rows of Go values, one value a column: nil,
// bool, integers, floats, string, []byte, time.Time, decimal128.Num, and []any
// for lists (elements), structs (fields in order) and maps (key, value, …). The
// caller releases it. A value that does not fit its column is a panic: the test
// is wrong.
func Batch(mem memory.Allocator, schema *arrow.Schema, rows ...[]any) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for _, row := range rows {
		if len(row) != schema.NumFields() {
			panic(fmt.Sprintf("storetest: a row of %d values for %d columns", len(row), schema.NumFields()))
		}
		for i, v := range row {
			appendValue(b.Field(i), v)
		}
	}
	return b.NewRecordBatch()
}

// RowsIn builds replayable rows of at most size rows a batch, which live until
// the test ends.
func RowsIn(t interface{ Cleanup(func()) }, mem memory.Allocator, size int, schema *arrow.Schema, rows ...[]any) core.Rows {
	var batches []arrow.RecordBatch
	for from := 0; from < len(rows); from += size {
		batches = append(batches, Batch(mem, schema, rows[from:min(from+size, len(rows))]...))
	}
	t.Cleanup(func() { core.ReleaseAll(batches) })
	return core.RowsOf(schema, batches...)
}

type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// num converts any Go number.
func num[T number](v any) T {
	switch n := v.(type) {
	case int:
		return T(n)
	case int8:
		return T(n)
	case int16:
		return T(n)
	case int32:
		return T(n)
	case int64:
		return T(n)
	case uint8:
		return T(n)
	case uint16:
		return T(n)
	case uint32:
		return T(n)
	case uint64:
		return T(n)
	case float32:
		return T(n)
	case float64:
		return T(n)
	}
	panic(fmt.Sprintf("storetest: %T is no number", v))
}

func appendValue(b array.Builder, v any) {
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int8Builder:
		b.Append(num[int8](v))
	case *array.Int16Builder:
		b.Append(num[int16](v))
	case *array.Int32Builder:
		b.Append(num[int32](v))
	case *array.Int64Builder:
		b.Append(num[int64](v))
	case *array.Uint8Builder:
		b.Append(num[uint8](v))
	case *array.Uint16Builder:
		b.Append(num[uint16](v))
	case *array.Uint32Builder:
		b.Append(num[uint32](v))
	case *array.Uint64Builder:
		b.Append(num[uint64](v))
	case *array.Float32Builder:
		b.Append(num[float32](v))
	case *array.Float64Builder:
		b.Append(num[float64](v))
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.LargeStringBuilder:
		b.Append(v.(string))
	case *array.BinaryBuilder: // large_binary too
		b.Append(v.([]byte))
	case *array.FixedSizeBinaryBuilder:
		b.Append(v.([]byte))
	case *array.Decimal128Builder:
		b.Append(v.(decimal128.Num))
	default:
		appendTemporal(b, v)
	}
}

func appendTemporal(b array.Builder, v any) {
	switch b := b.(type) {
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(v.(time.Time)))
	case *array.Date64Builder:
		b.Append(arrow.Date64FromTime(v.(time.Time)))
	case *array.TimestampBuilder:
		b.AppendTime(v.(time.Time))
	case *array.Time32Builder:
		b.Append(arrow.Time32(num[int32](v)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(num[int64](v)))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(num[int64](v)))
	default:
		appendNested(b, v)
	}
}

func appendNested(b array.Builder, v any) {
	switch b := b.(type) {
	case array.ListLikeBuilder: // lists of every kind, and maps (whose elements are structs)
		appendList(b, v.([]any))
	case *array.StructBuilder:
		b.Append(true)
		for i, x := range v.([]any) {
			appendValue(b.FieldBuilder(i), x)
		}
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(v.(string)); err != nil {
			panic(err)
		}
	default:
		panic(fmt.Sprintf("storetest: no values for %T", b))
	}
}

func appendList(b array.ListLikeBuilder, values []any) {
	b.Append(true)
	if m, ok := b.(*array.MapBuilder); ok {
		for i := 0; i+1 < len(values); i += 2 {
			appendValue(m.KeyBuilder(), values[i])
			appendValue(m.ItemBuilder(), values[i+1])
		}
		return
	}
	for _, x := range values {
		appendValue(b.ValueBuilder(), x)
	}
}
