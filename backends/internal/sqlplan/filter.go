package sqlplan

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Column is where an expression's column stands in a statement.
type Column struct {
	SQL  string
	Type arrow.DataType // as the feature's schema has it
}

// Columns finds a column by its path; not ok means that filters on it are not for the database.
type Columns func(path []string) (Column, bool)

// Split writes the terms of a filter that the database can evaluate as a condition, "" for none, and returns the others.
func Split(d Dialect, e expr.Expr, columns Columns) (pushed string, residual expr.Expr) {
	w := filterWriter{d, columns}
	var conditions []string
	for _, term := range expr.Conjuncts(e) {
		if sql, ok := w.write(term); ok {
			conditions = append(conditions, sql)
		} else {
			residual = expr.And(residual, term)
		}
	}
	return strings.Join(conditions, " AND "), residual
}

type filterWriter struct {
	d       Dialect
	columns Columns
}

// write gives a condition that needs no parentheses around it.
func (w filterWriter) write(e expr.Expr) (string, bool) {
	switch n := e.(type) {
	case expr.Const:
		return constant(n.Value), true
	case expr.NotExpr:
		if n.Term == nil {
			return constant(false), true
		}
		sql, ok := w.write(n.Term)
		return "(NOT " + sql + ")", ok
	case expr.AndExpr:
		return w.join(n.Terms, " AND ", true)
	case expr.OrExpr:
		return w.join(n.Terms, " OR ", false)
	case expr.IsNull:
		c, ok := w.columns(n.Column.Path)
		return "(" + c.SQL + " IS NULL)", ok
	case expr.Compare:
		return w.leaf(n.Column, func(c Column) (string, bool) { return w.compare(c, n.Op, n.Value) })
	case expr.Between:
		return w.leaf(n.Column, func(c Column) (string, bool) {
			low, ok := w.compare(c, expr.Ge, n.Low)
			high, also := w.compare(c, expr.Le, n.High)
			return "(" + low + " AND " + high + ")", ok && also
		})
	case expr.In:
		return w.leaf(n.Column, func(c Column) (string, bool) { return w.in(c, n.Values) })
	case expr.Prefix:
		return w.text(n.Column, func(sql string) string { return "(" + w.d.Prefix(sql, n.Prefix) + ")" })
	case expr.Like:
		return w.text(n.Column, func(sql string) string { return "(" + w.d.Like(sql, n.Pattern) + ")" })
	}
	return "", false // a pointer to a node, or one that is newer than this code
}

func constant(v bool) string {
	if v {
		return "TRUE"
	}
	return "FALSE"
}

func (w filterWriter) join(terms []expr.Expr, by string, none bool) (string, bool) {
	var parts []string
	for _, t := range terms {
		if t == nil {
			continue
		}
		sql, ok := w.write(t)
		if !ok {
			return "", false
		}
		parts = append(parts, sql)
	}
	if len(parts) == 0 {
		return constant(none), true
	}
	return "(" + strings.Join(parts, by) + ")", true
}

func (w filterWriter) leaf(column expr.Column, write func(Column) (string, bool)) (string, bool) {
	c, ok := w.columns(column.Path)
	if !ok {
		return "", false
	}
	if valueType(c.Type).ID() == arrow.NULL {
		return "(NULL::BOOLEAN)", false // rare enough to be left to Go
	}
	return write(c)
}

func (w filterWriter) text(column expr.Column, write func(string) string) (string, bool) {
	return w.leaf(column, func(c Column) (string, bool) {
		switch valueType(c.Type).ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
			return write(c.SQL), true
		}
		return "", false
	})
}

func (w filterWriter) compare(c Column, op expr.CompareOp, l expr.Literal) (string, bool) {
	if l.IsNull() {
		return "", false
	}
	v, ok := compare(w.d, c.Type, op, l)
	switch {
	case !ok:
		return "", false
	case v.always:
		return "(" + c.SQL + " IS NOT NULL OR NULL)", true
	case v.never:
		return "(" + c.SQL + " IS NULL AND NULL)", true
	}
	return "(" + c.SQL + " " + v.op.String() + " " + v.sql + ")", true
}

func (w filterWriter) in(c Column, literals []expr.Literal) (string, bool) {
	if len(literals) == 0 {
		return constant(false), true
	}
	var values []string
	null := false
	for _, l := range literals {
		if l.IsNull() {
			null = true
			continue
		}
		v, ok := compare(w.d, c.Type, expr.Eq, l)
		if !ok {
			return "", false
		}
		if !v.never {
			values = append(values, v.sql)
		}
	}
	sql := "(" + c.SQL + " IS NULL AND NULL)"
	if len(values) > 0 {
		sql = "(" + c.SQL + " IN (" + list(values) + "))"
	}
	if null {
		sql = "(" + sql + " OR NULL)"
	}
	return sql, true
}
