//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Read fixes the commit that its rows show. They can be ranged over again, and always show that state; each range has a connection of its
// own, and holds a few pages of rows at a time, however many there are.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.read(ctx, req)
	return rows, core.WrapError(core.OpRead, req.Key, name, err)
}

func (s *store) read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Rows{}, err
	}
	q := &query{s: s, req: req}
	err := s.with(ctx, func(c *conn) (err error) {
		if q.m, err = s.load(ctx, c, req.Key); err != nil {
			return err
		}
		if q.plan, err = req.Bind(q.m.info()); err != nil {
			return err
		}
		q.asOf, err = commitAt(ctx, c, q.m, req.AsOf)
		return err
	})
	if err != nil {
		return core.Rows{}, err
	}
	return core.Rows{
		Schema:     q.plan.Schema,
		Replayable: true,
		Batches: func(yield func(arrow.RecordBatch, error) bool) {
			stopped := false
			err := s.with(ctx, func(c *conn) error {
				return q.run(ctx, c, func(b arrow.RecordBatch) bool {
					stopped = !yield(b, nil)
					return !stopped
				})
			})
			if err != nil && !stopped {
				yield(nil, core.WrapError(core.OpRead, req.Key, name, err))
			}
		},
	}, nil
}

// commitAt is the last commit at a moment, 0 before the first.
func commitAt(ctx context.Context, c *conn, m *meta, a core.AsOf) (int64, error) {
	switch {
	case a.Seq != 0:
		return a.Seq, nil
	case a.Time.IsZero():
		return m.generation, nil
	}
	rows, err := c.rows(ctx, "SELECT coalesce(max(seq), 0)::BIGINT FROM metaxy.commits WHERE key = ? AND seq <= ? AND time <= ?::TIMESTAMP",
		string(m.key), m.generation, a.Time.UTC())
	if err != nil {
		return 0, err
	}
	var seq int64
	err = scan(rows[0], &seq)
	return seq, err
}

// query is a read bound to a state.
type query struct {
	s    *store
	req  core.ReadRequest
	m    *meta // as Read found it
	plan core.ReadPlan
	asOf int64
}

// statement is a query as SQL over the table as it is now.
type statement struct {
	sql      string // up to the condition on row ids
	where    string
	types    []arrow.DataType // of its columns, as the feature has them
	residual *expr.Bound      // over its columns; nil: everything was pushed
	names    []string         // of its columns
	visible  int              // how many of its columns are returned; the others are for residual
	zeros    []int            // of each column its number in the schema; nil: no column needs its zeros restored
	rows     int64            // in the table
	width    int64            // bytes of a row, about
}

// run delivers the rows. Everything happens in one transaction, so that no migration comes between two pages.
func (q *query) run(ctx context.Context, c *conn, deliver func(arrow.RecordBatch) bool) error {
	if q.asOf == 0 {
		return nil
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	now, err := q.s.load(ctx, c, q.req.Key)
	if err != nil {
		return err
	}
	st, err := q.statement(now)
	if err != nil {
		return err
	}
	schema := q.plan.Schema
	return st.pages(ctx, c, func(b *assembly) (bool, error) {
		return b.deliver(ctx, q.s.mem, schema, st, deliver)
	})
}

// statement writes the query against the table as it is now: columns may have other names and wider types than when Read was called.
func (q *query) statement(now *meta) (*statement, error) {
	st := &statement{rows: now.total, width: 64}
	if now.total > 0 {
		st.width = now.bytes/now.total + 16
	}
	joined := false
	place := func(name string) (string, bool) {
		switch name {
		case core.ColWrittenAt:
			joined = true
			return "l.time", true
		case core.ColFeatureVersion:
			joined = true
			return "l.feature_version", true
		case core.ColCommit, core.ColDeleted:
			return "t." + name, true
		}
		i := q.m.field(name)
		if i < 0 {
			return "", false
		}
		sql := "t." + dialect.Ident(now.columns[i])
		if was, is := q.m.schema.Field(i).Type, now.schema.Field(i).Type; !arrow.TypeEqual(was, is) && name != core.ColDataVersion {
			k, err := keep(was)
			if err != nil {
				return "", false
			}
			sql += "::" + k.sql
		}
		return sql, true
	}
	if len(now.columns) < len(q.m.columns) {
		return nil, fmt.Errorf("%w: the table lost columns", core.ErrIntegrity)
	}
	pushed, residual := sqlplan.Split(dialect, q.req.Filter, pushable(q.plan.All, place))
	fields := q.plan.Schema.Fields()
	st.visible = len(fields)
	for _, name := range expr.Columns(residual) {
		if !q.plan.Schema.HasField(name) {
			fields = append(fields, q.plan.All.Field(q.plan.All.FieldIndices(name)[0]))
		}
	}
	if residual != nil {
		var err error
		if st.residual, err = expr.Bind(residual, arrow.NewSchema(fields, nil)); err != nil {
			return nil, invalidf("%w", err)
		}
	}
	var columns []string
	for i, f := range fields {
		sql, ok := place(f.Name)
		if !ok {
			return nil, invalidf("there is no column %q any more", f.Name)
		}
		columns = append(columns, sql+" AS c"+fmt.Sprint(i))
		st.types, st.names = append(st.types, f.Type), append(st.names, f.Name)
	}
	if now.zeros && slices.ContainsFunc(st.types, hasFloats) {
		columns = append(columns, "t."+colZeros)
		for _, f := range fields {
			st.zeros = append(st.zeros, q.m.field(f.Name))
		}
	}
	if len(columns) == 0 {
		columns = []string{"TRUE AS c0"} // rows that are counted alone
	}
	from := now.table() + " AS t"
	if joined {
		from += " JOIN metaxy.commits AS l ON l.key = " + dialect.Text(string(now.key)) + " AND l.seq = t.metaxy_commit"
	}
	st.sql = "SELECT " + strings.Join(columns, ", ") + " FROM " + from
	st.where = conjunction(now.state("t.", q.asOf, q.req.History), pushed)
	return st, nil
}

// state is the condition for the rows that are there right after a commit, "" when all are.
func (m *meta) state(table string, asOf int64, history bool) string {
	until, commit, deleted := table+colUntil, table+core.ColCommit, table+core.ColDeleted
	var parts []string
	if asOf < m.generation {
		parts = append(parts, fmt.Sprintf("%s <= %d", commit, asOf))
	}
	if history {
		return strings.Join(parts, " AND ")
	}
	switch {
	case m.superseded == 0:
	case asOf < m.generation:
		parts = append(parts, fmt.Sprintf("(%s IS NULL OR %s > %d)", until, until, asOf))
	default:
		parts = append(parts, until+" IS NULL")
	}
	if m.tombstones > 0 {
		parts = append(parts, "NOT "+deleted)
	}
	return strings.Join(parts, " AND ")
}

func conjunction(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " AND ")
}

// pushable finds the columns of filters.
func pushable(schema *arrow.Schema, place func(string) (string, bool)) sqlplan.Columns {
	return func(path []string) (sqlplan.Column, bool) {
		at := schema.FieldIndices(path[0])
		if len(at) != 1 {
			return sqlplan.Column{}, false
		}
		sql, ok := place(path[0])
		t := schema.Field(at[0]).Type
		for _, field := range path[1:] {
			if e, is := t.(arrow.ExtensionType); is {
				t = e.StorageType()
			}
			st, is := t.(*arrow.StructType)
			if !is {
				return sqlplan.Column{}, false
			}
			i, found := st.FieldIdx(field)
			if !found {
				return sqlplan.Column{}, false
			}
			sql, t = dialect.Field(sql, structNames(st)[i]), st.Field(i).Type
		}
		return sqlplan.Column{SQL: sql, Type: t}, ok && comparable(t)
	}
}

// comparable reports whether a filter on what is kept of a type means the same as on the type.
func comparable(t arrow.DataType) bool {
	switch t := t.(type) {
	case arrow.ExtensionType:
		return comparable(t.StorageType())
	case *arrow.DictionaryType:
		return comparable(t.ValueType)
	case *arrow.NullType, *arrow.Decimal256Type:
		return false
	case *arrow.Decimal32Type, *arrow.Decimal64Type, *arrow.Decimal128Type:
		dec := t.(arrow.DecimalType)
		return dec.GetScale() >= 0 && dec.GetScale() <= dec.GetPrecision()
	}
	return true
}

// assembly is a run of the database's small batches, to become one of the reader's.
type assembly struct {
	batches []arrow.RecordBatch
	rows    int64
}

func (a *assembly) clear() {
	core.ReleaseAll(a.batches)
	a.batches, a.rows = nil, 0
}

// deliver converts the rows and hands them on, in halves when a dictionary has too many values.
func (a *assembly) deliver(ctx context.Context, mem memory.Allocator, schema *arrow.Schema, st *statement, to func(arrow.RecordBatch) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	batch, err := a.convert(ctx, mem, schema, st)
	if errors.Is(err, errTooMany) && a.rows > 1 {
		for _, half := range a.halves() {
			more, err := half.deliver(ctx, mem, schema, st, to)
			half.clear()
			if err != nil || !more {
				return more, err
			}
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer batch.Release()
	return batch.NumRows() == 0 || to(batch), nil
}

func (a *assembly) halves() []*assembly {
	if n := len(a.batches); n > 1 {
		out := []*assembly{{batches: slices.Clone(a.batches[:n/2])}, {batches: slices.Clone(a.batches[n/2:])}}
		for _, h := range out {
			for _, b := range h.batches {
				b.Retain()
				h.rows += b.NumRows()
			}
		}
		return out
	}
	mid := a.rows / 2
	return []*assembly{
		{batches: []arrow.RecordBatch{a.batches[0].NewSlice(0, mid)}, rows: mid},
		{batches: []arrow.RecordBatch{a.batches[0].NewSlice(mid, a.rows)}, rows: a.rows - mid},
	}
}

// convert makes one batch in memory of ours, of the types that were written, and applies what filter is left.
func (a *assembly) convert(ctx context.Context, mem memory.Allocator, schema *arrow.Schema, st *statement) (arrow.RecordBatch, error) {
	joined := make([]arrow.Array, 0, len(st.types)+1)
	defer func() { releaseAll(joined) }()
	want := len(st.types)
	if st.zeros != nil {
		want++
	}
	for i := range want {
		col, err := joinColumn(mem, a.batches, i)
		if err != nil {
			return nil, err
		}
		joined = append(joined, col)
	}
	if st.zeros != nil {
		if zeros, ok := joined[want-1].(*array.Binary); ok {
			restoreZeros(zeros, joined[:want-1], st.zeros)
		}
	}
	columns := make([]arrow.Array, 0, len(st.types))
	defer func() { releaseAll(columns) }()
	for i, t := range st.types {
		col, err := outbound{mem}.convert(joined[i], t)
		if err != nil {
			return nil, err
		}
		columns = append(columns, col)
	}
	if st.residual == nil {
		return array.NewRecordBatch(schema, columns, a.rows), nil
	}
	fields := slices.Clone(schema.Fields())
	for i := st.visible; i < len(st.types); i++ {
		fields = append(fields, arrow.Field{Name: st.names[i], Type: st.types[i], Nullable: true})
	}
	all := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, a.rows)
	defer all.Release()
	kept, err := st.residual.Filter(ctx, all, mem)
	if err != nil {
		return nil, err
	}
	defer kept.Release()
	return array.NewRecordBatch(schema, kept.Columns()[:st.visible], kept.NumRows()), nil
}

// joinColumn concatenates one column.
func joinColumn(mem memory.Allocator, batches []arrow.RecordBatch, i int) (arrow.Array, error) {
	parts := make([]arrow.Array, len(batches))
	for b, batch := range batches {
		parts[b] = batch.Column(i)
	}
	joined, err := array.Concatenate(parts, mem)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrUnsupported, err)
	}
	return joined, nil
}
