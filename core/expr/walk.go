package expr

import (
	"slices"
)

// Columns returns the top-level names of the columns that the expression reads, sorted and unique.
func Columns(e Expr) []string {
	var names []string
	each(e, func(c Column) { names = append(names, c.Name()) })
	slices.Sort(names)
	return slices.Compact(names)
}

// each calls visit for every column of the expression, in order.
func each(e Expr, visit func(Column)) {
	switch n := deref(e).(type) {
	case Compare:
		visit(n.Column)
	case In:
		visit(n.Column)
	case Between:
		visit(n.Column)
	case IsNull:
		visit(n.Column)
	case Prefix:
		visit(n.Column)
	case Like:
		visit(n.Column)
	case AndExpr:
		for _, t := range n.Terms {
			each(t, visit)
		}
	case OrExpr:
		for _, t := range n.Terms {
			each(t, visit)
		}
	case NotExpr:
		each(n.Term, visit)
	}
}

// Conjuncts returns the expressions that all have to be true for e to be: the terms of a conjunction, nested ones included, or e itself.
// It is nil for nil. A backend that supports only some kinds pushes those terms down and filters by the rest.
func Conjuncts(e Expr) []Expr {
	e = reduce(e)
	if e == nil {
		return nil
	}
	and, ok := e.(AndExpr)
	if !ok {
		return []Expr{e}
	}
	var out []Expr
	for _, t := range and.Terms {
		out = append(out, Conjuncts(t)...)
	}
	return out
}

// Rename returns the expression with each column's top-level name replaced by rename(name). Struct fields keep their names.
func Rename(e Expr, rename func(top string) string) Expr {
	column := func(c Column) Column {
		if len(c.Path) == 0 {
			return c
		}
		c.Path = slices.Clone(c.Path)
		c.Path[0] = rename(c.Path[0])
		return c
	}
	terms := func(in []Expr) []Expr {
		out := make([]Expr, len(in))
		for i, t := range in {
			out[i] = Rename(t, rename)
		}
		return out
	}
	switch n := reduce(e).(type) {
	case Compare:
		n.Column = column(n.Column)
		return n
	case In:
		n.Column = column(n.Column)
		return n
	case Between:
		n.Column = column(n.Column)
		return n
	case IsNull:
		n.Column = column(n.Column)
		return n
	case Prefix:
		n.Column = column(n.Column)
		return n
	case Like:
		n.Column = column(n.Column)
		return n
	case AndExpr:
		return AndExpr{Terms: terms(n.Terms)}
	case OrExpr:
		return OrExpr{Terms: terms(n.Terms)}
	case NotExpr:
		return NotExpr{Term: Rename(n.Term, rename)}
	default:
		return n
	}
}

// Equal reports whether both trees are the same: same nodes, same order, same literals. Where they were parsed from does not count.
// Trees that only mean the same are equal after [Canonical].
func Equal(a, b Expr) bool {
	a, b = reduce(a), reduce(b)
	switch x := a.(type) {
	case nil:
		return b == nil
	case Compare:
		y, ok := b.(Compare)
		return ok && x.Column.Equal(y.Column) && x.Op == y.Op && x.Value.Equal(y.Value)
	case In:
		y, ok := b.(In)
		return ok && x.Column.Equal(y.Column) && slices.EqualFunc(x.Values, y.Values, Literal.Equal)
	case Between:
		y, ok := b.(Between)
		return ok && x.Column.Equal(y.Column) && x.Low.Equal(y.Low) && x.High.Equal(y.High)
	case IsNull:
		y, ok := b.(IsNull)
		return ok && x.Column.Equal(y.Column)
	case Prefix:
		y, ok := b.(Prefix)
		return ok && x.Column.Equal(y.Column) && x.Prefix == y.Prefix
	case Like:
		y, ok := b.(Like)
		return ok && x.Column.Equal(y.Column) && x.Pattern == y.Pattern
	case AndExpr:
		y, ok := b.(AndExpr)
		return ok && slices.EqualFunc(x.Terms, y.Terms, Equal)
	case OrExpr:
		y, ok := b.(OrExpr)
		return ok && slices.EqualFunc(x.Terms, y.Terms, Equal)
	case NotExpr:
		y, ok := b.(NotExpr)
		return ok && Equal(x.Term, y.Term)
	case Const:
		y, ok := b.(Const)
		return ok && x == y
	}
	return false
}
