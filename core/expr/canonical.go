package expr

import (
	"slices"
	"strings"
)

// Canonical returns an expression that has the same value (true, false or unknown) on every row and the same text for many ways to write
// it: terms are flattened, sorted and deduplicated, NOT is moved to the leaves, an IN of one value becomes an equality, and TRUE and FALSE
// are folded. It is nil exactly where the result would be TRUE: no filter.
//
// Folding drops terms, and with them the errors that [Bind] would report about them: bind the original first.
func Canonical(e Expr) Expr {
	e = canonical(e, false)
	if e == (Const{Value: true}) {
		return nil
	}
	return e
}

// canonical returns the canonical form of the expression, or of its negation. Nil, which is no filter, is TRUE here.
func canonical(e Expr, negated bool) Expr {
	switch n := reduce(e).(type) {
	case nil:
		return Const{Value: !negated}
	case Const:
		return Const{Value: n.Value != negated}
	case NotExpr:
		return canonical(n.Term, !negated)
	case AndExpr:
		// NOT (a AND b) is NOT a OR NOT b in three-valued logic too.
		return canonicalTerms(n.Terms, negated, negated)
	case OrExpr:
		return canonicalTerms(n.Terms, negated, !negated)
	case Compare:
		n.src, n.Column.at, n.Value.at = nil, 0, 0
		if negated {
			n.Op = n.Op.Negate() // the order is total, NaN included
		}
		return n
	default:
		return canonicalLeaf(n, negated)
	}
}

func canonicalTerms(terms []Expr, negated, disjunction bool) Expr {
	type term struct {
		expr Expr
		text string
	}
	var out []term
	add := func(e Expr) { out = append(out, term{e, e.String()}) }
	for _, t := range terms {
		switch c := canonical(t, negated).(type) {
		case Const:
			if c.Value == disjunction {
				return c // TRUE OR x, FALSE AND x, whatever x is
			}
		case AndExpr:
			if disjunction {
				add(c)
				continue
			}
			for _, t := range c.Terms {
				add(t)
			}
		case OrExpr:
			if !disjunction {
				add(c)
				continue
			}
			for _, t := range c.Terms {
				add(t)
			}
		default:
			add(c)
		}
	}
	slices.SortStableFunc(out, func(a, b term) int { return strings.Compare(a.text, b.text) })
	out = slices.CompactFunc(out, func(a, b term) bool { return a.text == b.text && Equal(a.expr, b.expr) })
	switch len(out) {
	case 0:
		return Const{Value: !disjunction}
	case 1:
		return out[0].expr
	}
	exprs := make([]Expr, len(out))
	for i, t := range out {
		exprs[i] = t.expr
	}
	if disjunction {
		return OrExpr{Terms: exprs}
	}
	return AndExpr{Terms: exprs}
}

// canonicalLeaf handles the leaves that have no negation of their own.
func canonicalLeaf(e Expr, negated bool) Expr {
	switch n := e.(type) {
	case In:
		return canonicalIn(n, negated)
	case Between:
		n.src, n.Column.at, n.Low.at, n.High.at = nil, 0, 0, 0
		e = n
	case IsNull:
		n.src, n.Column.at = nil, 0
		e = n
	case Prefix:
		n.src, n.Column.at = nil, 0
		e = n
	case Like:
		n.src, n.Column.at, n.at = nil, 0, 0
		e = n
	}
	return negate(e, negated)
}

func canonicalIn(n In, negated bool) Expr {
	n.src, n.Column.at = nil, 0
	values := slices.Clone(n.Values)
	for i := range values {
		values[i].at = 0
	}
	slices.SortFunc(values, compareLiterals)
	n.Values = slices.Compact(values)
	switch {
	case len(n.Values) == 0:
		return Const{Value: negated}
	case len(n.Values) == 1 && !n.Values[0].IsNull():
		return canonical(Compare{Column: n.Column, Op: Eq, Value: n.Values[0]}, negated)
	}
	return negate(n, negated)
}

// compareLiterals is some total order of literals without a place.
func compareLiterals(a, b Literal) int {
	switch {
	case a.kind != b.kind:
		return int(a.kind) - int(b.kind)
	case a.num != b.num:
		if a.num < b.num {
			return -1
		}
		return 1
	case a.aux != b.aux:
		return int(a.aux) - int(b.aux)
	}
	return strings.Compare(a.str, b.str)
}
