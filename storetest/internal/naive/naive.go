// Package naive computes the contract's answers in the most obvious way, for
// comparison: filters row by row over Go values, and resolves with maps. It
// shares no code with what it checks.
package naive

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Tri is SQL's logic: the order False < Unknown < True makes AND the minimum
// and OR the maximum.
type Tri int

// The three values.
const (
	False Tri = iota
	Unknown
	True
)

func truth(b bool) Tri {
	if b {
		return True
	}
	return False
}

// Eval gives the value of a filter for one row. get gives a column's value: nil
// for null, bool, any Go number, string, []byte or time.Time.
func Eval(e expr.Expr, get func(path []string) any) Tri {
	switch n := e.(type) {
	case nil:
		return True
	case expr.Const:
		return truth(n.Value)
	case expr.NotExpr:
		return True - Eval(n.Term, get)
	case expr.AndExpr:
		v := True
		for _, t := range n.Terms {
			v = min(v, Eval(t, get))
		}
		return v
	case expr.OrExpr:
		v := False
		for _, t := range n.Terms {
			v = max(v, Eval(t, get))
		}
		return v
	case expr.IsNull:
		return truth(get(n.Column.Path) == nil)
	case expr.Compare:
		return test(get(n.Column.Path), n.Op, n.Value)
	case expr.Between:
		v := get(n.Column.Path)
		return min(test(v, expr.Ge, n.Low), test(v, expr.Le, n.High))
	case expr.In:
		v := False
		for _, l := range n.Values {
			v = max(v, test(get(n.Column.Path), expr.Eq, l))
		}
		return v
	case expr.Prefix:
		return texts(get(n.Column.Path), func(s string) bool { return strings.HasPrefix(s, n.Prefix) })
	case expr.Like:
		return texts(get(n.Column.Path), func(s string) bool { return like([]rune(s), []rune(n.Pattern)) })
	}
	panic("naive: an unknown node")
}

func texts(v any, test func(string) bool) Tri {
	if v == nil {
		return Unknown
	}
	return truth(test(v.(string)))
}

func test(v any, op expr.CompareOp, l expr.Literal) Tri {
	if v == nil || l.IsNull() {
		return Unknown
	}
	c := compare(v, l)
	switch op {
	case expr.Eq:
		return truth(c == 0)
	case expr.Ne:
		return truth(c != 0)
	case expr.Lt:
		return truth(c < 0)
	case expr.Le:
		return truth(c <= 0)
	case expr.Gt:
		return truth(c > 0)
	default:
		return truth(c >= 0)
	}
}

func compare(v any, l expr.Literal) int {
	switch v := v.(type) {
	case string:
		s, _ := l.Text()
		return strings.Compare(v, s)
	case []byte:
		b, _ := l.Bytes()
		return bytes.Compare(v, b)
	case bool:
		b, _ := l.Bool()
		return number(v, b)
	case time.Time:
		t, _ := l.Time()
		return v.Compare(t)
	}
	return numbers(v, l.Any())
}

func number(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// numbers compares exactly; NaN equals NaN and is greater than all others.
func numbers(a, b any) int {
	x, xf := exact(a)
	y, yf := exact(b)
	if x != nil && y != nil {
		return x.Cmp(y)
	}
	rank := func(r *big.Rat, f float64) int {
		switch {
		case r != nil:
			return 0
		case math.IsNaN(f):
			return 2
		case f > 0:
			return 1
		}
		return -1
	}
	return cmp.Compare(rank(x, xf), rank(y, yf))
}

// exact gives a number as a fraction, or the infinity or NaN that it is.
func exact(v any) (*big.Rat, float64) {
	r := new(big.Rat)
	switch n := v.(type) {
	case int:
		return r.SetInt64(int64(n)), 0
	case int64:
		return r.SetInt64(n), 0
	case uint64:
		return r.SetInt(new(big.Int).SetUint64(n)), 0
	case float32:
		return exact(float64(n))
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, n
		}
		return r.SetFloat64(n), 0
	case string: // a decimal
		r.SetString(n)
		return r, 0
	}
	panic("naive: not a number")
}

func like(s, p []rune) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	switch {
	case p[0] == '%':
		return like(s, p[1:]) || len(s) > 0 && like(s[1:], p)
	case p[0] == '_':
		return len(s) > 0 && like(s[1:], p[1:])
	case p[0] == '\\' && len(p) > 1:
		p = p[1:]
	}
	return len(s) > 0 && s[0] == p[0] && like(s[1:], p[1:])
}
