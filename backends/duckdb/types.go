package duckdb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
)

// dialect writes SQL.
var dialect = sqlplan.DuckDB{}

// Columns of a feature's table beside those of its schema, first in the table.
const (
	colUntil   = "metaxy_until" // the commit that superseded the row
	colZeros   = "metaxy_zeros" // where a row has negative zeros
	ourColumns = core.ColCommit + " BIGINT, " + colUntil + " BIGINT, " + core.ColDeleted + " BOOLEAN, " + colZeros + " BLOB"
	countOurs  = 4
)

// kept is how values of an Arrow type are stored: as a type that DuckDB gives back bit by bit.
//
//	null, empty struct                    BOOLEAN
//	float16                               FLOAT
//	date64, time32, time64, duration      INTEGER or BIGINT, the count of the unit
//	timestamp with a zone, not in µs      the timestamp without it
//	decimal32, decimal64                  DECIMAL
//	decimal256, odd scales, intervals     BLOB, the bytes as they are
//	fixed-size binary, binary views       BLOB
//	fixed-size list, map                  LIST; a map's entries as STRUCT(key, value)
//	dictionary, extension                 what their values or storage would be
//
// Everything else is kept as itself.
type kept struct {
	sql string
	typ arrow.DataType // as DuckDB returns it
}

// keep chooses; the error matches ErrUnsupported.
func keep(t arrow.DataType) (kept, error) {
	switch t := t.(type) {
	case *arrow.NullType, *arrow.BooleanType:
		return kept{"BOOLEAN", arrow.FixedWidthTypes.Boolean}, nil
	case *arrow.Float16Type:
		return kept{"FLOAT", arrow.PrimitiveTypes.Float32}, nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return kept{"VARCHAR", arrow.BinaryTypes.String}, nil
	case *arrow.Date32Type:
		return kept{"DATE", t}, nil
	case *arrow.Time32Type:
		return kept{"INTEGER", arrow.PrimitiveTypes.Int32}, nil
	case *arrow.Date64Type, *arrow.Time64Type, *arrow.DurationType:
		return kept{"BIGINT", arrow.PrimitiveTypes.Int64}, nil
	case *arrow.TimestampType:
		if t.Unit == arrow.Microsecond && t.TimeZone != "" {
			return kept{"TIMESTAMPTZ", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}, nil
		}
		sql := map[arrow.TimeUnit]string{
			arrow.Second: "TIMESTAMP_S", arrow.Millisecond: "TIMESTAMP_MS", arrow.Microsecond: "TIMESTAMP", arrow.Nanosecond: "TIMESTAMP_NS",
		}[t.Unit]
		return kept{sql, &arrow.TimestampType{Unit: t.Unit}}, nil
	case *arrow.Decimal32Type, *arrow.Decimal64Type, *arrow.Decimal128Type:
		dec := t.(arrow.DecimalType)
		p, s := dec.GetPrecision(), dec.GetScale()
		if s < 0 || s > p {
			return blob, nil
		}
		return kept{fmt.Sprintf("DECIMAL(%d,%d)", p, s), &arrow.Decimal128Type{Precision: p, Scale: s}}, nil
	case *arrow.Decimal256Type, *arrow.MonthIntervalType, *arrow.DayTimeIntervalType, *arrow.MonthDayNanoIntervalType,
		*arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return blob, nil
	case *arrow.DictionaryType:
		if !encodes(t.ValueType) {
			return kept{}, fmt.Errorf("%w: DuckDB cannot keep a dictionary of %s", core.ErrUnsupported, t.ValueType)
		}
		return keep(t.ValueType)
	case arrow.ExtensionType:
		return keep(t.StorageType())
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		elem, err := keep(t.(arrow.ListLikeType).Elem())
		if err != nil {
			return kept{}, err
		}
		return kept{elem.sql + "[]", arrow.ListOf(elem.typ)}, nil
	case *arrow.MapType:
		k, err := keep(t.KeyType())
		if err != nil {
			return kept{}, err
		}
		v, err := keep(t.ItemType())
		if err != nil {
			return kept{}, err
		}
		return kept{fmt.Sprintf(`STRUCT("key" %s, "value" %s)[]`, k.sql, v.sql), arrow.ListOf(arrow.StructOf(
			arrow.Field{Name: "key", Type: k.typ, Nullable: true}, arrow.Field{Name: "value", Type: v.typ, Nullable: true}))}, nil
	case *arrow.StructType:
		return keepStruct(t)
	}
	if sql, ok := sameTypes[t.ID()]; ok {
		return kept{sql, t}, nil
	}
	return kept{}, fmt.Errorf("%w: DuckDB cannot keep the Arrow type %s", core.ErrUnsupported, t)
}

var blob = kept{"BLOB", arrow.BinaryTypes.Binary}

var sameTypes = map[arrow.Type]string{
	arrow.INT8: "TINYINT", arrow.INT16: "SMALLINT", arrow.INT32: "INTEGER", arrow.INT64: "BIGINT",
	arrow.UINT8: "UTINYINT", arrow.UINT16: "USMALLINT", arrow.UINT32: "UINTEGER", arrow.UINT64: "UBIGINT",
	arrow.FLOAT32: "FLOAT", arrow.FLOAT64: "DOUBLE",
}

func keepStruct(t *arrow.StructType) (kept, error) {
	if t.NumFields() == 0 {
		return kept{"BOOLEAN", arrow.FixedWidthTypes.Boolean}, nil
	}
	names := structNames(t)
	parts := make([]string, t.NumFields())
	fields := make([]arrow.Field, t.NumFields())
	for i, f := range t.Fields() {
		k, err := keep(f.Type)
		if err != nil {
			return kept{}, err
		}
		parts[i] = dialect.Ident(names[i]) + " " + k.sql
		fields[i] = arrow.Field{Name: names[i], Type: k.typ, Nullable: true}
	}
	return kept{"STRUCT(" + strings.Join(parts, ", ") + ")", arrow.StructOf(fields...)}, nil
}

func structNames(t *arrow.StructType) []string { return tableNames(nil, fieldNames(t)) }

// tableNames gives columns names of their own where DuckDB could not tell them apart: it ignores case. taken are names already in use.
func tableNames(taken, names []string) []string {
	used := map[string]bool{"": true, "rowid": true}
	for _, n := range taken {
		used[fold(n)] = true
	}
	out := make([]string, len(names))
	for i, n := range names {
		base := strings.ReplaceAll(n, "\x00", "")
		name := base
		for k := 2; used[fold(name)]; k++ {
			name = base + "#" + strconv.Itoa(k)
		}
		used[fold(name)] = true
		out[i] = name
	}
	return out
}

// fold is at least as coarse as DuckDB's comparison of names.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// ourNames are the table's columns that belong to the store.
func ourNames() []string {
	return slices.Concat([]string{colUntil, colZeros}, []string{core.ColCommit, core.ColDeleted, core.ColWrittenAt, core.ColFeatureVersion})
}

func fieldNames(t *arrow.StructType) []string {
	names := make([]string, t.NumFields())
	for i, f := range t.Fields() {
		names[i] = f.Name
	}
	return names
}

// asConstructed makes a field that came out of IPC what arrow's constructors make. arrow.TypeEqual compares large lists with reflect.DeepEqual,
// to which the name of a map's hidden struct and metadata without entries are differences.
func asConstructed(f arrow.Field) arrow.Field {
	if f.Metadata.Len() == 0 {
		f.Metadata = arrow.Metadata{}
	}
	switch t := f.Type.(type) {
	case *arrow.ListType:
		f.Type = arrow.ListOfField(asConstructed(t.ElemField()))
	case *arrow.LargeListType:
		f.Type = arrow.LargeListOfField(asConstructed(t.ElemField()))
	case *arrow.FixedSizeListType:
		f.Type = arrow.FixedSizeListOfField(t.Len(), asConstructed(t.ElemField()))
	case *arrow.StructType:
		fields := t.Fields()
		for i := range fields {
			fields[i] = asConstructed(fields[i])
		}
		f.Type = arrow.StructOf(fields...)
	case *arrow.MapType:
		key, item := asConstructed(t.KeyField()), asConstructed(t.ItemField())
		made := arrow.MapOfWithMetadata(key.Type, key.Metadata, item.Type, item.Metadata)
		if !item.Nullable {
			made = arrow.MapOfFields(key, item)
		}
		made.KeysSorted = t.KeysSorted
		f.Type = made
	}
	return f
}
