//go:build cgo && duckdb_arrow

package duckdb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

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
		return sqlplan.Column{SQL: sql, Type: t}, ok && orderable(t)
	}
}

// orderable reports whether a filter on what is kept of a type means the same as on the type.
func orderable(t arrow.DataType) bool {
	switch t := t.(type) {
	case arrow.ExtensionType:
		return orderable(t.StorageType())
	case *arrow.DictionaryType:
		return orderable(t.ValueType)
	case *arrow.NullType, *arrow.Decimal256Type:
		return false
	case *arrow.Decimal32Type, *arrow.Decimal64Type, *arrow.Decimal128Type:
		dec := t.(arrow.DecimalType)
		return dec.GetScale() >= 0 && dec.GetScale() <= dec.GetPrecision()
	}
	return true
}
