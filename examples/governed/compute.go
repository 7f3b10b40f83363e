package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// job computes the text of one column from columns of openmoji/source.
type job struct {
	needs []string
	makes string
	from  func(id string, in []string) string
}

func jobs() map[core.FeatureKey]job {
	return map[core.FeatureKey]job{
		thumbnail: {makes: "path", from: func(id string, _ []string) string { return "thumbnail/" + id + ".webp" }},
		credit: {needs: []string{"annotation", author}, makes: line, from: func(_ string, in []string) string {
			return fmt.Sprintf("%q drawn by %s, CC BY-SA 4.0", in[0], in[1])
		}},
	}
}

// recompute brings every feature below openmoji/source up to date.
func (g *governed) recompute(ctx context.Context) error {
	for _, key := range g.graph.Descendants(source) {
		p, err := g.graph.Plan(key)
		if err != nil {
			return err
		}
		j := jobs()[key]
		// Each row keeps its group, for the row rule, and its author's pseudonym.
		needs := append([]string{group, authorID}, j.needs...)
		if _, err := resolve.Materialize(ctx, g.store, p, j.compute, resolve.Columns(needs...), resolve.RetireOrphans()); err != nil {
			return err
		}
	}
	return nil
}

// compute makes the rows to write from a batch of a resolve.
func (j job) compute(_ context.Context, in arrow.RecordBatch) (arrow.RecordBatch, error) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	ids, err := texts(in, append([]string{hexcode}, j.needs...))
	if err != nil {
		return nil, err
	}
	values := make([]string, len(j.needs))
	for row := range int(in.NumRows()) {
		for i := range j.needs {
			values[i] = ids[i+1].Value(row)
		}
		b.Append(j.from(ids[0].Value(row), values))
	}
	made := b.NewArray()
	defer made.Release()
	var fields []arrow.Field
	var columns []arrow.Array
	for _, name := range []string{hexcode, group, authorID, core.ColDataVersion} {
		at := in.Schema().FieldIndices(name)
		if len(at) != 1 {
			return nil, fmt.Errorf("a batch without %q", name)
		}
		fields, columns = append(fields, in.Schema().Field(at[0])), append(columns, in.Column(at[0]))
	}
	fields = append(fields, arrow.Field{Name: j.makes, Type: arrow.BinaryTypes.String, Nullable: true})
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), append(columns, made), in.NumRows()), nil
}

// texts are the columns of a batch that hold text.
func texts(b arrow.RecordBatch, names []string) ([]*array.String, error) {
	var out []*array.String
	for _, name := range names {
		at := b.Schema().FieldIndices(name)
		if len(at) != 1 {
			return nil, fmt.Errorf("a batch without %q", name)
		}
		col, ok := b.Column(at[0]).(*array.String)
		if !ok {
			return nil, fmt.Errorf("%q is no text", name)
		}
		out = append(out, col)
	}
	return out, nil
}

// cell is a value as text.
type cell struct {
	text string
	null bool
}

func (c cell) String() string {
	if c.null {
		return "null"
	}
	return c.text
}

// collect reads columns of all rows.
func collect(rows core.Rows, columns ...string) ([][]cell, error) {
	var out [][]cell
	for b, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		for row := range int(b.NumRows()) {
			cells := make([]cell, len(columns))
			for i, name := range columns {
				col := b.Column(b.Schema().FieldIndices(name)[0])
				cells[i] = cell{text: strings.Clone(col.ValueStr(row)), null: col.IsNull(row)} // the batch goes away
			}
			out = append(out, cells)
		}
	}
	return out, nil
}
