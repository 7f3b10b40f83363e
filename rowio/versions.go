package rowio

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/version"
)

// VersionOf says how a root feature's container gets its data version from
// columns of the rows.
type VersionOf struct {
	Container string
	Column    string   // its text is the version
	Hash      []string // or these columns' hash is
}

// FromColumn takes a column's text for the version of a container, such as a
// content hash that the file brings along.
func FromColumn(container, column string) VersionOf {
	return VersionOf{Container: container, Column: column}
}

// HashOf takes the hash of columns for the version of a container: the
// lowercase hex SHA-256 of the columns' texts, in this order, "\" and "|"
// escaped by "\", null written "\N", joined by "|".
func HashOf(container string, columns ...string) VersionOf {
	return VersionOf{Container: container, Hash: columns}
}

// WithVersions adds the column "data_version" to rows that come without one.
// The columns that versions were taken from stay. A null where a version is
// wanted makes the version null, which a write refuses with the row's number.
func WithVersions(rows core.Rows, versions ...VersionOf) (core.Rows, error) {
	if rows.Schema == nil {
		return core.Rows{}, invalidf("rows without a schema")
	}
	if rows.Schema.HasField(core.ColDataVersion) {
		return core.Rows{}, invalidf("the rows have a column %q already", core.ColDataVersion)
	}
	var names []string
	sources := make([][]int, len(versions))
	for i, v := range versions {
		if slices.Contains(names, v.Container) {
			return core.Rows{}, invalidf("container %q gets its version twice", v.Container)
		}
		names = append(names, v.Container)
		columns := v.Hash
		if v.Column != "" {
			columns = []string{v.Column}
		}
		if len(columns) == 0 {
			return core.Rows{}, invalidf("container %q: no column to take its version from", v.Container)
		}
		for _, c := range columns {
			at := rows.Schema.FieldIndices(c)
			if len(at) != 1 {
				return core.Rows{}, invalidf("container %q: there is no column %q%s", v.Container, c, didYouMean(c, fieldNames(rows.Schema)))
			}
			sources[i] = append(sources[i], at[0])
		}
	}
	t := core.DataVersionType(names)
	schema := arrow.NewSchema(append(slices.Clone(rows.Schema.Fields()), arrow.Field{Name: core.ColDataVersion, Type: t}), nil)
	return core.Rows{Schema: schema, Replayable: rows.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range rows.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			out := addVersions(b, schema, t, versions, sources)
			more := yield(out, nil)
			out.Release()
			if !more {
				return
			}
		}
	}}, nil
}

func addVersions(b arrow.RecordBatch, schema *arrow.Schema, t *arrow.StructType, versions []VersionOf, sources [][]int) arrow.RecordBatch {
	sb := array.NewStructBuilder(memory.DefaultAllocator, t)
	defer sb.Release()
	var preimage []byte
	for row := range int(b.NumRows()) {
		sb.Append(true)
		for i := range versions {
			fb := sb.FieldBuilder(i).(*array.StringBuilder)
			if versions[i].Column == "" {
				preimage = appendPreimage(preimage[:0], b, sources[i], row)
				sum := sha256.Sum256(preimage)
				fb.Append(hex.EncodeToString(sum[:]))
			} else if col := b.Column(sources[i][0]); isNull(col, row) {
				fb.AppendNull()
			} else {
				fb.Append(cell(col, row))
			}
		}
	}
	dv := sb.NewStructArray()
	defer dv.Release()
	return array.NewRecordBatch(schema, append(slices.Clone(b.Columns()), dv), b.NumRows())
}

func appendPreimage(dst []byte, b arrow.RecordBatch, columns []int, row int) []byte {
	for i, at := range columns {
		if i > 0 {
			dst = append(dst, '|')
		}
		if col := b.Column(at); isNull(col, row) {
			dst = append(dst, `\N`...)
		} else {
			dst = version.AppendEscaped(dst, []byte(cell(col, row)))
		}
	}
	return dst
}

// Project keeps columns in the order given. An unknown one is reported at once.
func Project(rows core.Rows, columns ...string) (core.Rows, error) {
	if rows.Schema == nil {
		return core.Rows{}, invalidf("rows without a schema")
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		found := rows.Schema.FieldIndices(c)
		if len(found) != 1 {
			return core.Rows{}, invalidf("there is no column %q%s", c, didYouMean(c, fieldNames(rows.Schema)))
		}
		at[i] = found[0]
	}
	return rows.Pick(at...), nil
}

func fieldNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return names
}
