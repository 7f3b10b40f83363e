package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/examples/openmoji/data"
)

// numbers are the columns that hold whole numbers; empty is null.
func numbers() []string { return []string{"order", colorBytes, blackBytes} }

// release is one release of the collection.
type release struct {
	version string
	columns []string
	records [][]string // sorted by hexcode, as in the file
}

func loadRelease(version string) (release, error) {
	columns, records, err := data.Release(version)
	return release{version: version, columns: columns, records: records}, err
}

// samples are the rows of openmoji/source: every column of the release, and
// the versions of the two drawings and of the words.
func (r release) samples() (core.Rows, error) {
	var fields []arrow.Field
	for _, c := range r.columns {
		f := arrow.Field{Name: c, Type: arrow.BinaryTypes.String}
		if slices.Contains(numbers(), c) {
			f.Type, f.Nullable = arrow.PrimitiveTypes.Int64, true
		}
		fields = append(fields, f)
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"color", "black", "text"})})
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, rec := range r.records {
		if err := r.appendSample(b, rec); err != nil {
			return core.Rows{}, fmt.Errorf("release %s, record %d: %w", r.version, i+1, err)
		}
	}
	return core.RowsOf(schema, b.NewRecordBatch()), nil
}

func (r release) appendSample(b *array.RecordBuilder, rec []string) error {
	for i, text := range rec {
		switch to := b.Field(i).(type) {
		case *array.StringBuilder:
			to.Append(text)
		case *array.Int64Builder:
			if text == "" {
				to.AppendNull()
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return fmt.Errorf("column %q: %w", r.columns[i], err)
			}
			to.Append(n)
		}
	}
	versions := b.Field(len(rec)).(*array.StructBuilder)
	versions.Append(true)
	for i, v := range []string{r.value(rec, "color_sha256"), r.value(rec, "black_sha256"), r.words(rec)} {
		versions.FieldBuilder(i).(*array.StringBuilder).Append(v)
	}
	return nil
}

func (r release) value(rec []string, column string) string {
	return rec[slices.Index(r.columns, column)]
}

// words is the version of an emoji's text.
func (r release) words(rec []string) string {
	text := strings.Join([]string{r.value(rec, "annotation"), r.value(rec, "tags"), r.value(rec, "openmoji_tags")}, "\x1f")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// metadata are the columns beside the id.
func (r release) metadata() []string {
	return slices.DeleteFunc(slices.Clone(r.columns), func(c string) bool { return c == hexcode })
}

// wholeRows counts the samples of both releases, and those in which anything at
// all differs: what a tool that compares whole rows would compute again.
func wholeRows(before, after release) (differ, common int) {
	old := map[string][]string{}
	for _, rec := range before.records {
		old[before.value(rec, hexcode)] = rec
	}
	for _, rec := range after.records {
		was, ok := old[after.value(rec, hexcode)]
		if !ok {
			continue
		}
		common++
		if !slices.Equal(was, rec) {
			differ++
		}
	}
	return differ, common
}
