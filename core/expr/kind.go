package expr

import "strings"

// Kind is a set of node kinds: what an expression uses, or what a backend can push down.
type Kind uint32

// The kinds of nodes, and two traits that backends often lack.
const (
	KindCompare Kind = 1 << iota
	KindIn
	KindBetween
	KindIsNull
	KindPrefix
	KindLike
	KindAnd
	KindOr
	KindNot
	KindConst
	// KindRange is set by comparisons that need an order: < <= > >= BETWEEN.
	KindRange
	// KindField is set by a column that is the field of a struct.
	KindField

	kindEnd
)

// AllKinds is every kind and trait.
const AllKinds = kindEnd - 1

var kindNames = [...]string{
	"compare", "in", "between", "is_null", "prefix", "like", "and", "or", "not", "const", "range", "field",
}

// Has reports whether every kind of other is in k.
func (k Kind) Has(other Kind) bool { return k&other == other }

// String lists the kinds, such as "compare|and|range"; "none" for the empty set.
func (k Kind) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if k&^AllKinds != 0 {
		names = append(names, "unknown")
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "|")
}

// Kinds returns the kinds of the expression's nodes.
func (e Compare) Kinds() Kind {
	switch e.Op {
	case Lt, Le, Gt, Ge:
		return KindCompare | KindRange | e.Column.kinds()
	default:
		return KindCompare | e.Column.kinds()
	}
}

// Kinds returns the kinds of the expression's nodes.
func (e In) Kinds() Kind { return KindIn | e.Column.kinds() }

// Kinds returns the kinds of the expression's nodes.
func (e Between) Kinds() Kind { return KindBetween | KindRange | e.Column.kinds() }

// Kinds returns the kinds of the expression's nodes.
func (e IsNull) Kinds() Kind { return KindIsNull | e.Column.kinds() }

// Kinds returns the kinds of the expression's nodes.
func (e Prefix) Kinds() Kind { return KindPrefix | e.Column.kinds() }

// Kinds returns the kinds of the expression's nodes.
func (e Like) Kinds() Kind { return KindLike | e.Column.kinds() }

// Kinds returns the kinds of the expression's nodes.
func (e AndExpr) Kinds() Kind { return KindAnd | termKinds(e.Terms) }

// Kinds returns the kinds of the expression's nodes.
func (e OrExpr) Kinds() Kind { return KindOr | termKinds(e.Terms) }

// Kinds returns the kinds of the expression's nodes.
func (e NotExpr) Kinds() Kind { return KindNot | termKinds([]Expr{e.Term}) }

// Kinds returns the kinds of the expression's nodes.
func (e Const) Kinds() Kind { return KindConst }

func termKinds(terms []Expr) Kind {
	var k Kind
	for _, t := range terms {
		if t = deref(t); t != nil {
			k |= t.Kinds()
		}
	}
	return k
}

func (c Column) kinds() Kind {
	if len(c.Path) > 1 {
		return KindField
	}
	return 0
}
