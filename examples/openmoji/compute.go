package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// job computes the user columns of one feature from columns of its upstream.
type job struct {
	needs  []string      // upstream columns
	fields []arrow.Field // user columns
	// row appends one sample's user columns to out; in holds its needs.
	row func(id string, in []value, out *array.RecordBuilder)
}

// value is a cell: one of text and number.
type value struct {
	text   string
	number int64
}

// jobs are the real work of this pipeline, kept small: what an image resizer
// and a language model would do elsewhere.
func jobs() map[core.FeatureKey]job {
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	vector := arrow.ListOf(arrow.PrimitiveTypes.Float32)
	return map[core.FeatureKey]job{
		thumbnail: {
			needs:  []string{"color_path", colorBytes},
			fields: []arrow.Field{{Name: "thumbnail", Type: text}, {Name: "svg_bytes", Type: number}},
			row: func(id string, in []value, out *array.RecordBuilder) {
				out.Field(0).(*array.StringBuilder).Append("thumbnail/" + id + ".webp")
				out.Field(1).(*array.Int64Builder).Append(in[1].number)
			},
		},
		outline: {
			needs:  []string{"black_path", blackBytes},
			fields: []arrow.Field{{Name: "svg", Type: text}, {Name: "svg_bytes", Type: number}},
			row: func(_ string, in []value, out *array.RecordBuilder) {
				out.Field(0).(*array.StringBuilder).Append(in[0].text)
				out.Field(1).(*array.Int64Builder).Append(in[1].number)
			},
		},
		embedding: {
			needs:  []string{"annotation", "tags", "openmoji_tags"},
			fields: []arrow.Field{{Name: "caption", Type: text}, {Name: "caption_length", Type: number}, {Name: "vector", Type: vector}},
			row: func(_ string, in []value, out *array.RecordBuilder) {
				caption := captionOf(in[0].text, in[1].text, in[2].text)
				out.Field(0).(*array.StringBuilder).Append(caption)
				out.Field(1).(*array.Int64Builder).Append(int64(utf8.RuneCountInString(caption)))
				list := out.Field(2).(*array.ListBuilder)
				list.Append(true)
				list.ValueBuilder().(*array.Float32Builder).AppendValues(vectorOf(caption), nil)
			},
		},
		entry: {
			needs:  []string{"thumbnail", "caption"},
			fields: []arrow.Field{{Name: "html", Type: text}},
			row: func(_ string, in []value, out *array.RecordBuilder) {
				out.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("<img src=%q alt=%q>", in[0].text, in[1].text))
			},
		},
	}
}

// captionOf joins the parts that there are.
func captionOf(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, ", ")
}

// vectorOf hashes the trigrams of a text into a unit vector, so that similar
// captions have similar vectors.
func vectorOf(text string) []float32 {
	const dimensions = 16
	v := make([]float32, dimensions)
	runes := []rune(" " + strings.ToLower(text) + " ")
	for i := 0; i+3 <= len(runes); i++ {
		h := fnv.New32a()
		_, _ = h.Write([]byte(string(runes[i : i+3]))) // never fails
		v[h.Sum32()%dimensions]++
	}
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square > 0 {
		for i := range v {
			v[i] /= float32(math.Sqrt(square))
		}
	}
	return v
}

// compute turns a batch of a resolve (ids, what the job needs, data versions)
// into rows to write: ids, user columns, the same data versions.
func (j job) compute(_ context.Context, in arrow.RecordBatch) (arrow.RecordBatch, error) {
	ids, ok := find(in, hexcode).(*array.String)
	if !ok {
		return nil, fmt.Errorf("a batch without %q", hexcode)
	}
	out := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(j.fields, nil))
	defer out.Release()
	cells := make([]value, len(j.needs))
	for i := range int(in.NumRows()) {
		for c, name := range j.needs {
			switch from := find(in, name).(type) {
			case *array.String:
				cells[c] = value{text: from.Value(i)}
			case *array.Int64:
				cells[c] = value{number: from.Value(i)}
			default:
				return nil, fmt.Errorf("a batch without %q", name)
			}
		}
		j.row(ids.Value(i), cells, out)
	}
	made := out.NewRecordBatch()
	defer made.Release()
	fields := append([]arrow.Field{{Name: hexcode, Type: ids.DataType()}}, j.fields...)
	columns := append([]arrow.Array{ids}, made.Columns()...)
	versions := find(in, core.ColDataVersion)
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: versions.DataType()})
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), append(columns, versions), in.NumRows()), nil
}

func find(b arrow.RecordBatch, column string) arrow.Array {
	at := b.Schema().FieldIndices(column)
	if len(at) == 0 {
		return nil
	}
	return b.Column(at[0])
}
