package rowio

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// cell gives the text of a value that is not null, as CSV holds it: moments in
// RFC 3339 and UTC, bytes in base64, nested values as JSON.
func cell(a arrow.Array, row int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value(row)
	case *array.LargeString:
		return a.Value(row)
	case *array.StringView:
		return a.Value(row)
	case *array.Timestamp:
		return timestampText(a, row)
	case *array.Dictionary:
		return cell(a.Dictionary(), a.GetValueIndex(row))
	case *array.Struct, *array.List, *array.LargeList, *array.FixedSizeList, *array.Map, *array.ListView, *array.LargeListView:
		return string(jsonText(a, row))
	}
	return a.ValueStr(row)
}

// isNull sees through dictionaries, whose values can be null too.
func isNull(a arrow.Array, row int) bool {
	if a.IsNull(row) {
		return true
	}
	d, ok := a.(*array.Dictionary)
	return ok && d.Dictionary().IsNull(d.GetValueIndex(row))
}

func timestampText(a *array.Timestamp, row int) string {
	t := a.DataType().(*arrow.TimestampType)
	at := a.Value(row).ToTime(t.Unit).UTC()
	if t.TimeZone == "" {
		return at.Format("2006-01-02T15:04:05.999999999")
	}
	return at.Format(time.RFC3339Nano)
}

// jsonText gives a value as JSON, "null" when it is null.
func jsonText(a arrow.Array, row int) []byte {
	if isNull(a, row) {
		return []byte("null")
	}
	switch a := a.(type) {
	case *array.Timestamp:
		return marshal(timestampText(a, row))
	case *array.Dictionary:
		return jsonText(a.Dictionary(), a.GetValueIndex(row))
	case *array.Struct:
		var b bytes.Buffer
		b.WriteByte('{')
		for i, f := range a.DataType().(*arrow.StructType).Fields() {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(marshal(f.Name))
			b.WriteByte(':')
			b.Write(jsonText(a.Field(i), row))
		}
		b.WriteByte('}')
		return b.Bytes()
	case array.ListLike:
		if _, isMap := a.(*array.Map); isMap {
			break
		}
		var b bytes.Buffer
		b.WriteByte('[')
		from, to := a.ValueOffsets(row)
		for i := from; i < to; i++ {
			if i > from {
				b.WriteByte(',')
			}
			b.Write(jsonText(a.ListValues(), int(i)))
		}
		b.WriteByte(']')
		return b.Bytes()
	}
	return marshal(a.GetOneForMarshal(row))
}

// marshal writes JSON without the escapes that HTML needs.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null") // nothing that Arrow gives comes here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// flat is a column as CSV and tables have it: "data_version" is taken apart.
type flat struct {
	name  string
	t     arrow.DataType
	index int
	field int // within data_version, or -1
}

func flatten(schema *arrow.Schema) []flat {
	var out []flat
	for i, f := range schema.Fields() {
		if dv, ok := f.Type.(*arrow.StructType); ok && f.Name == core.ColDataVersion {
			for j, c := range dv.Fields() {
				out = append(out, flat{foldPrefix + c.Name, c.Type, i, j})
			}
			continue
		}
		out = append(out, flat{f.Name, f.Type, i, -1})
	}
	return out
}

// of gives the column's values in a batch, and the struct around them.
func (c flat) of(b arrow.RecordBatch) (values, around arrow.Array) {
	col := b.Column(c.index)
	if c.field < 0 {
		return col, nil
	}
	s := col.(*array.Struct)
	return s.Field(c.field), s
}
