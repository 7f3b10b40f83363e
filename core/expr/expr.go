package expr

// Expr is a filter expression: one of [Compare], [In], [Between], [IsNull], [Prefix], [Like], [AndExpr],
// [OrExpr], [NotExpr] and [Const].
// The set is sealed, so that a layer which must understand every filter (encryption, access control) can. A nil Expr is no filter.
//
// Nodes are values and are never modified by this package. Compare trees with [Equal].
type Expr interface {
	// String prints the expression as text which Parse reads back to an equal tree.
	String() string
	// Kinds tells which kinds of nodes the tree holds, for comparison with what a backend supports.
	Kinds() Kind

	expr()
}

// CompareOp is the operator of a [Compare].
type CompareOp uint8

// The comparison operators.
const (
	Eq CompareOp = iota + 1
	Ne
	Lt
	Le
	Gt
	Ge
)

// String returns the operator as SQL writes it.
func (op CompareOp) String() string {
	switch op {
	case Eq:
		return "="
	case Ne:
		return "<>"
	case Lt:
		return "<"
	case Le:
		return "<="
	case Gt:
		return ">"
	case Ge:
		return ">="
	default:
		return "?"
	}
}

// Negate returns the operator that is true where op is false; both are unknown for the same values.
func (op CompareOp) Negate() CompareOp {
	switch op {
	case Eq:
		return Ne
	case Ne:
		return Eq
	case Lt:
		return Ge
	case Le:
		return Gt
	case Gt:
		return Le
	case Ge:
		return Lt
	default:
		return op
	}
}

// flip returns the operator with its sides exchanged: 1 < a is a > 1.
func (op CompareOp) flip() CompareOp {
	switch op {
	case Lt:
		return Gt
	case Le:
		return Ge
	case Gt:
		return Lt
	case Ge:
		return Le
	default:
		return op
	}
}

// Compare tests a column against a literal, which must not be NULL.
type Compare struct {
	Column Column
	Op     CompareOp
	Value  Literal

	src *string
}

// In is true where the column equals one of the values. A NULL among the values makes every other row unknown; no values at all is
// FALSE for every row.
type In struct {
	Column Column
	Values []Literal

	src *string
}

// Between is true where Low <= column <= High.
type Between struct {
	Column    Column
	Low, High Literal

	src *string
}

// IsNull is true where the column is null and false elsewhere. It works on columns of every type.
type IsNull struct {
	Column Column

	src *string
}

// Prefix is true where the string column begins with Prefix, bytewise.
type Prefix struct {
	Column Column
	Prefix string

	src *string
}

// Like matches the whole string against an SQL pattern: % stands for any text, _ for one character, a backslash takes the next
// character literally. It is case-sensitive.
type Like struct {
	Column  Column
	Pattern string

	src *string
	at  int32
}

// AndExpr is true where every term is true, false where one is false and unknown elsewhere. Build it with [And]. By hand: nil terms are
// ignored, one term stands for itself and none for TRUE.
type AndExpr struct{ Terms []Expr }

// OrExpr is true where one term is true, false where all are false and unknown elsewhere. Build it with [Or]. By hand: nil terms are
// ignored, one term stands for itself and none for FALSE.
type OrExpr struct{ Terms []Expr }

// NotExpr is true where its term is false, false where it is true and unknown where it is unknown. Build it with [Not].
type NotExpr struct{ Term Expr }

// Const is TRUE or FALSE for every row.
type Const struct{ Value bool }

func (Compare) expr() {}
func (In) expr()      {}
func (Between) expr() {}
func (IsNull) expr()  {}
func (Prefix) expr()  {}
func (Like) expr()    {}
func (AndExpr) expr() {}
func (OrExpr) expr()  {}
func (NotExpr) expr() {}
func (Const) expr()   {}
