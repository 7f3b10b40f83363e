package crypto

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// splitFilter is a filter in two parts: what storage evaluates on ciphertext,
// and what is evaluated on what it returns. No literal that is compared with a
// protected column is in the first.
type splitFilter struct{ pushed, residual expr.Expr }

// split takes a filter apart term by term.
func (o *options) split(filter expr.Expr, v *view, ring *keys.Ring, all *arrow.Schema) (splitFilter, error) {
	var out splitFilter
	t := &translator{view: v, ring: ring, feature: v.info.Key}
	for _, term := range expr.Conjuncts(filter) {
		pushed, exact, err := t.translate(term)
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
	exact := c.mode == modeDeterministic && !c.hideNulls()
	if negated {
		return expr.Not(in), exact, nil
	}
	return in, exact, nil
}

// candidates are the stored forms of a value: one for each key that can have
// written it, and for each narrower type that the column once had.
func (t *translator) candidates(c *column, l expr.Literal) ([]expr.Literal, bool, error) {
	plains, ok := plaintexts(c, l)
	if !ok {
		return nil, false, nil
	}
	var out []expr.Literal
	for _, key := range t.ring.Enabled() {
		for _, plain := range plains {
			if c.beacon > 0 {
				b, err := beacon(t.ring, key, t.feature, c, plain)
				if err != nil {
					return nil, false, err
				}
				out = append(out, expr.Bytes(b))
				continue
			}
			cipher, err := t.ring.Cipher(keys.AES256SIV, key, cellScope(t.feature, c, ""))
			if err != nil {
				return nil, false, err
			}
			sealed, err := cipher.Encrypt(plain, appendHead(nil, purposeCell, keys.AES256SIV, key, t.feature, c.bound))
			if err != nil {
				return nil, false, err
			}
			out = append(out, expr.Bytes(append([]byte{cellVersion, byte(keys.AES256SIV)}, sealed...)))
		}
	}
	return out, true, nil
}

// plaintexts are the tagged canonical bytes that equal a literal, not ok when
// that cannot be said of the type.
func plaintexts(c *column, l expr.Literal) ([][]byte, bool) {
	t := c.typ
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	var out [][]byte
	add := func(t arrow.DataType, data []byte) {
		if head, err := tag(t); err == nil {
			out = append(out, append(head, data...))
		}
	}
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		s, ok := l.Text()
		if !ok {
			return nil, false
		}
		add(t, []byte(s))
		if t.ID() == arrow.LARGE_STRING {
			add(arrow.BinaryTypes.String, []byte(s))
		}
		return out, true
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		b, ok := l.Bytes()
		if !ok {
			return nil, false
		}
		add(t, b)
		if t.ID() == arrow.LARGE_BINARY {
			add(arrow.BinaryTypes.Binary, b)
		}
		return out, true
	}
	if !arrow.IsInteger(t.ID()) {
		return nil, false
	}
	for k := kind(3); k <= 10; k++ {
		from := plainType(k)
		if from.ID() != t.ID() && (c.flags&flagWidened == 0 || !core.Widens(from, t)) {
			continue
		}
		data, fits, ok := integerBytes(from, l)
		if !ok {
			return nil, false
		}
		if fits {
			add(from, data)
		}
	}
	return out, true
}

// integerBytes are the bytes of an integer literal in a type, if it fits.
func integerBytes(t arrow.DataType, l expr.Literal) (data []byte, fits, ok bool) {
	width := t.(arrow.FixedWidthDataType).BitWidth()
	var word uint64
	if n, isInt := l.Int(); isInt {
		word = uint64(n)
		if arrow.IsSignedInteger(t.ID()) {
			fits = n >= math.MinInt64>>(64-width) && n <= math.MaxInt64>>(64-width)
		} else {
			fits = n >= 0 && uint64(n) <= math.MaxUint64>>(64-width)
		}
	} else if n, isUint := l.Uint(); isUint {
		word, fits = n, t.ID() == arrow.UINT64
	} else {
		return nil, false, false
	}
	for range width / 8 {
		data = append(data, byte(word))
		word >>= 8
	}
	return data, fits, true
}
