package crypto

import (
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// splitFilter is a filter in two parts: what storage evaluates on ciphertext,
// and what is evaluated on what it returns. No literal that is compared with a
// protected column is in the first.
type splitFilter struct{ pushed, residual expr.Expr }

// split takes a filter apart term by term.
func (o *options) split(filter expr.Expr, v *view, ring *keys.Ring) (splitFilter, error) {
	var out splitFilter
	t := &translator{view: v, ring: ring, feature: v.info.Key}
	for _, term := range expr.Conjuncts(filter) {
		pushed, exact, err := t.term(term)
		if err != nil {
			return out, err
		}
		if !exact {
			if o.noResidual {
				return out, unsupportedFilter(term)
			}
			out.residual = expr.And(out.residual, term)
		}
		if pushed != nil {
			out.pushed = expr.And(out.pushed, pushed)
		}
	}
	return out, nil
}

// translator writes filters for ciphertext.
type translator struct {
	view    *view
	ring    *keys.Ring
	feature core.FeatureKey

	compared []expr.Column // deterministic columns that storage compares in a term
}

// term is translate for a whole term of a filter.
func (t *translator) term(e expr.Expr) (pushed expr.Expr, exact bool, err error) {
	t.compared = nil
	if pushed, exact, err = t.translate(e); err != nil || pushed == nil {
		return nil, exact, err
	}
	return t.orUnreadable(pushed), exact, nil
}

// translate gives a filter for below that is true wherever e is true, nil when
// there is none but TRUE. It is exact when it is also false and unknown where e
// is: only that can be negated.
func (t *translator) translate(e expr.Expr) (pushed expr.Expr, exact bool, err error) {
	switch n := e.(type) {
	case expr.AndExpr:
		return t.all(n)
	case expr.OrExpr:
		return t.any(n)
	case expr.NotExpr:
		pushed, exact, err := t.translate(n.Term)
		if err != nil || !exact {
			return nil, false, err
		}
		return expr.Not(pushed), true, nil
	case expr.Const:
		return n, true, nil
	}
	c, path, ok := leafColumn(e)
	if !ok {
		return nil, false, nil
	}
	column := t.view.protecting(path)
	if column == nil {
		return e, true, nil
	}
	return t.leaf(e, c, column, len(path) == len(column.path))
}

func (t *translator) all(n expr.AndExpr) (expr.Expr, bool, error) {
	var out []expr.Expr
	exact := true
	for _, term := range n.Terms {
		p, ok, err := t.translate(term)
		if err != nil {
			return nil, false, err
		}
		exact = exact && ok
		if p != nil {
			out = append(out, p)
		}
	}
	if len(out) == 0 && !exact {
		return nil, false, nil
	}
	if pushed := expr.And(out...); pushed != nil {
		return pushed, exact, nil
	}
	return expr.True(), exact, nil
}

func (t *translator) any(n expr.OrExpr) (expr.Expr, bool, error) {
	var out []expr.Expr
	exact := true
	for _, term := range n.Terms {
		p, ok, err := t.translate(term)
		if err != nil || p == nil && !ok {
			return nil, false, err // one term may be true anywhere
		}
		exact = exact && ok
		out = append(out, p)
	}
	if pushed := expr.Or(out...); pushed != nil {
		return pushed, exact, nil
	}
	return expr.Const{Value: false}, exact, nil
}

// leafColumn is the column of a comparison.
func leafColumn(e expr.Expr) (expr.Column, []string, bool) {
	var c expr.Column
	switch n := e.(type) {
	case expr.Compare:
		c = n.Column
	case expr.In:
		c = n.Column
	case expr.Between:
		c = n.Column
	case expr.IsNull:
		c = n.Column
	case expr.Prefix:
		c = n.Column
	case expr.Like:
		c = n.Column
	default:
		return c, nil, false
	}
	return c, c.Path, true
}

// protecting is the protected column that a path reads: itself, or what it is
// in. A struct around a protected field reads nothing of it.
func (v *view) protecting(path []string) *column {
	for _, c := range v.columns {
		if len(path) >= len(c.path) && slices.Equal(path[:len(c.path)], c.path) {
			return c
		}
	}
	return nil
}

// leaf translates a comparison with a protected column. Whole says that it is
// the column itself, not a field of the struct that was encrypted.
func (t *translator) leaf(e expr.Expr, at expr.Column, c *column, whole bool) (expr.Expr, bool, error) {
	if !whole {
		return nil, false, nil
	}
	var literals []expr.Literal
	negated := false
	switch n := e.(type) {
	case expr.IsNull:
		if c.hideNulls() || c.subject != "" { // what was shredded reads as null
			return nil, false, nil
		}
		return expr.IsNull{Column: at}, true, nil
	case expr.Compare:
		if n.Op != expr.Eq && n.Op != expr.Ne {
			return nil, false, nil
		}
		literals, negated = []expr.Literal{n.Value}, n.Op == expr.Ne
	case expr.In:
		literals = n.Values
	default:
		return nil, false, nil
	}
	if c.beacon > 0 && t.disabled() {
		return nil, false, nil // of a row under a disabled key no beacon is known
	}
	if c.mode == modeRandom && c.beacon == 0 || negated && (c.beacon > 0 || c.hideNulls()) {
		return nil, false, nil
	}
	in := expr.In{Column: at}
	if c.beacon > 0 {
		in.Column = expr.Field(c.companion)
	}
	for _, l := range literals {
		if l.Kind() == expr.LiteralNull {
			in.Values = append(in.Values, l)
			continue
		}
		candidates, ok, err := t.candidates(c, l)
		if err != nil || !ok {
			return nil, false, err
		}
		in.Values = append(in.Values, candidates...)
	}
	if len(in.Values) == 0 && len(literals) > 0 {
		return nil, false, nil // no value of the column's type equals it, yet nulls are unknown
	}
	if c.mode == modeDeterministic {
		t.compared = append(t.compared, at)
	}
	exact := c.mode == modeDeterministic && !c.hideNulls()
	if negated {
		return expr.Not(in), exact, nil
	}
	return in, exact, nil
}
