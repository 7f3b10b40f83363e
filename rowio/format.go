package rowio

import (
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Format is how rows are written down.
type Format string

// The formats.
const (
	CSV         Format = "csv"
	TSV         Format = "tsv"
	JSON        Format = "json"         // one object a line; a file may hold one array of objects instead
	Parquet     Format = "parquet"      //
	Arrow       Format = "arrow"        // IPC file; reading takes a stream too
	ArrowStream Format = "arrow-stream" // IPC stream
	Table       Format = "table"        // for people; cannot be read back
)

var formats = []Format{CSV, TSV, JSON, Parquet, Arrow, ArrowStream, Table}

var endings = map[string]Format{
	".csv": CSV, ".tsv": TSV, ".tab": TSV,
	".json": JSON, ".jsonl": JSON, ".ndjson": JSON,
	".parquet": Parquet, ".pq": Parquet,
	".arrow": Arrow, ".feather": Arrow, ".ipc": Arrow, ".arrows": ArrowStream,
}

// FormatOf tells a file's format from the ending of its name.
func FormatOf(path string) (Format, error) {
	if f, ok := endings[strings.ToLower(filepath.Ext(path))]; ok {
		return f, nil
	}
	return "", invalidf("%s: the ending does not tell the format: use .csv, .tsv, .jsonl, .parquet or .arrow", path)
}

// ParseFormat is the inverse of a Format's text.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if string(f) == name {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", invalidf("unknown format %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

var typeNames = []struct {
	name string
	t    arrow.DataType
}{
	{"string", arrow.BinaryTypes.String},
	{"int8", arrow.PrimitiveTypes.Int8},
	{"int16", arrow.PrimitiveTypes.Int16},
	{"int32", arrow.PrimitiveTypes.Int32},
	{"int64", arrow.PrimitiveTypes.Int64},
	{"uint8", arrow.PrimitiveTypes.Uint8},
	{"uint16", arrow.PrimitiveTypes.Uint16},
	{"uint32", arrow.PrimitiveTypes.Uint32},
	{"uint64", arrow.PrimitiveTypes.Uint64},
	{"float32", arrow.PrimitiveTypes.Float32},
	{"float64", arrow.PrimitiveTypes.Float64},
	{"bool", arrow.FixedWidthTypes.Boolean},
	{"date", arrow.FixedWidthTypes.Date32},
	{"timestamp", timestampUTC},
	{"datetime", &arrow.TimestampType{Unit: arrow.Microsecond}},
	{"binary", arrow.BinaryTypes.Binary},
}

// timestampUTC is what an inferred moment becomes.
var timestampUTC arrow.DataType = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// ParseType gives the Arrow type that a command line names, such as "int64" or
// "timestamp" (a moment, in UTC) or "datetime" (without a zone).
func ParseType(name string) (arrow.DataType, error) {
	var names []string
	for _, t := range typeNames {
		if t.name == name {
			return t.t, nil
		}
		names = append(names, t.name)
	}
	return nil, invalidf("unknown type %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

func didYouMean(name string, candidates []string) string {
	if near, ok := expr.Nearest(name, candidates); ok {
		return ", did you mean \"" + near + "\"?"
	}
	return ""
}
