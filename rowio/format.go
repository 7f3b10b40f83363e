package rowio

import (
	"path/filepath"
	"slices"
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

// Outputs lists the formats that can be written, all of them.
func Outputs() []Format { return []Format{Table, CSV, TSV, JSON, Parquet, Arrow, ArrowStream} }

// Inputs lists the formats that can be read.
func Inputs() []Format { return Outputs()[1:] }

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

// ParseFormat is the inverse of a Format's text, for writing.
func ParseFormat(name string) (Format, error) { return parseFormat(name, Outputs()) }

// ParseInput is ParseFormat for reading.
func ParseInput(name string) (Format, error) {
	if Format(name) == Table {
		return "", invalidf("format %s cannot be read; there are %s", Table, formatNames(Inputs()))
	}
	return parseFormat(name, Inputs())
}

func parseFormat(name string, there []Format) (Format, error) {
	if slices.Contains(there, Format(name)) {
		return Format(name), nil
	}
	names := formatNames(there)
	return "", invalidf("unknown format %q%s; there are %s", name, didYouMean(name, strings.Split(names, ", ")), names)
}

func formatNames(formats []Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
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
	for _, t := range typeNames {
		if t.name == name {
			return t.t, nil
		}
	}
	names := TypeNames()
	return nil, invalidf("unknown type %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

// TypeNames lists what ParseType takes.
func TypeNames() []string {
	names := make([]string, len(typeNames))
	for i, t := range typeNames {
		names[i] = t.name
	}
	return names
}

// TypeName is the inverse of ParseType; nested types, among others, have no
// name.
func TypeName(t arrow.DataType) (string, bool) {
	for _, known := range typeNames {
		if arrow.TypeEqual(known.t, t) {
			return known.name, true
		}
	}
	return "", false
}

func didYouMean(name string, candidates []string) string {
	if near, ok := expr.Nearest(name, candidates); ok {
		return ", did you mean \"" + near + "\"?"
	}
	return ""
}
