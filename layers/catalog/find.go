package catalog

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// FindSchema is the schema of what Find gives: feature (string), container
// (string, null for a feature in which no version was written), data_version
// (string), sample_count (int64, rows written with it), materialized_at
// (timestamp[us, UTC], of the last such commit, or of the feature's last),
// generation and rows (int64, of the feature).
func FindSchema() *arrow.Schema {
	instant := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	return arrow.NewSchema([]arrow.Field{
		{Name: "feature", Type: arrow.BinaryTypes.String},
		{Name: "container", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "data_version", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "sample_count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "materialized_at", Type: instant},
		{Name: "generation", Type: arrow.PrimitiveTypes.Int64},
		{Name: "rows", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
}

// Find gives the rows of a catalog for which the expression is true; nil gives
// all. There is a row for each container of each feature, in order. Only when
// the expression names data_version is there one for each version instead; else
// that column is null. A mistake in the expression matches core.ErrInvalid.
func Find(ctx context.Context, c Catalog, where expr.Expr) (core.Rows, error) {
	schema := FindSchema()
	f := finder{c: c, schema: schema}
	if where != nil {
		bound, err := expr.Bind(where, schema)
		if err != nil {
			return core.Rows{}, fmt.Errorf("%w: %w", core.ErrInvalid, err)
		}
		f.bound = bound
		f.versions = slices.Contains(expr.Columns(where), "data_version")
		f.narrow(where)
	}
	return core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) { f.run(ctx, yield) }}, nil
}

type finder struct {
	c        Catalog
	schema   *arrow.Schema
	bound    *expr.Bound
	versions bool
	query    Query
	version  Condition // a version that every row must have
}

// narrow takes from the expression what the catalog itself can leave out.
func (f *finder) narrow(where expr.Expr) {
	for _, term := range expr.Conjuncts(where) {
		switch t := term.(type) {
		case expr.Compare:
			text, ok := t.Value.Text()
			if t.Op != expr.Eq || !ok || len(t.Column.Path) != 1 {
				continue
			}
			switch t.Column.Path[0] {
			case "feature":
				f.query.Prefix = longer(f.query.Prefix, text)
			case "container":
				f.query.Container = text
			case "data_version":
				f.version = WithVersion(text)
			}
		case expr.Prefix:
			if len(t.Column.Path) == 1 && t.Column.Path[0] == "feature" {
				f.query.Prefix = longer(f.query.Prefix, t.Prefix)
			}
		}
	}
}

func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

// found is a row before it is one.
type found struct {
	entry   Entry
	version VersionRow
	null    bool // no container
}

func (f *finder) run(ctx context.Context, yield func(arrow.RecordBatch, error) bool) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, f.schema)
	defer b.Release()
	n := 0
	flush := func() bool {
		n = 0
		batch := b.NewRecordBatch()
		defer batch.Release()
		if f.bound != nil {
			kept, err := f.bound.Filter(ctx, batch, memory.DefaultAllocator)
			if err != nil {
				yield(nil, err)
				return false
			}
			defer kept.Release()
			batch = kept // both are released
		}
		return batch.NumRows() == 0 || yield(batch, nil)
	}
	for row, err := range f.rows(ctx) {
		if err != nil {
			yield(nil, err)
			return
		}
		f.append(b, row)
		if n++; n == batchRows && !flush() {
			return
		}
	}
	if n > 0 {
		flush()
	}
}

func (f *finder) append(b *array.RecordBuilder, row found) {
	b.Field(0).(*array.StringBuilder).Append(string(row.entry.Key))
	if row.null {
		b.Field(1).AppendNull()
	} else {
		b.Field(1).(*array.StringBuilder).Append(row.version.Container)
	}
	if row.version.Unknown {
		b.Field(2).AppendNull()
	} else {
		b.Field(2).(*array.StringBuilder).Append(row.version.Version)
	}
	b.Field(3).(*array.Int64Builder).Append(row.version.Rows)
	b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(row.version.Last.UnixMicro()))
	b.Field(5).(*array.Int64Builder).Append(row.entry.Generation)
	b.Field(6).(*array.Int64Builder).Append(row.entry.Rows)
}

// rows yields what the expression is applied to.
func (f *finder) rows(ctx context.Context) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for e, err := range f.c.Features(ctx, f.query) {
			if err != nil {
				yield(found{}, err)
				return
			}
			if e.Known() && !f.feature(ctx, e, yield) {
				return
			}
		}
	}
}

func (f *finder) feature(ctx context.Context, e Entry, yield func(found, error) bool) bool {
	if f.version != nil {
		p, err := f.c.HasFeature(ctx, e.Key, f.version)
		if err != nil {
			return yield(found{}, err)
		}
		if p == No {
			return true
		}
	}
	if len(e.Containers) == 0 {
		return yield(found{entry: e, null: true, version: VersionRow{Unknown: true, Last: e.Last}}, nil)
	}
	for _, c := range e.Containers {
		if f.query.Container != "" && c.Container != f.query.Container {
			continue
		}
		if !f.versions || e.Mode != Exact {
			if !yield(found{entry: e, version: VersionRow{Container: c.Container, Unknown: true, Rows: c.Rows, Last: e.Last}}, nil) {
				return false
			}
			continue
		}
		for v, err := range f.c.MaterializedVersions(ctx, e.Key, c.Container) {
			row := found{entry: e, version: VersionRow{Container: c.Container, Version: v.Version, Rows: v.Rows, Last: v.Last}}
			if !yield(row, err) || err != nil {
				return false
			}
		}
	}
	return true
}
