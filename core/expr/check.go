package expr

import (
	"errors"
	"strings"
)

// maxTreeDepth bounds the nesting of trees built in code. It is above MaxDepth because layers wrap the filters of their users.
const maxTreeDepth = 10 * MaxDepth

// Check reports the first fault of an expression that shows without a schema: a Go value that is no literal, a comparison with NULL, a
// column without a name, a LIKE pattern that ends within an escape. [Bind] checks the same. The error is an *[Error].
func Check(e Expr) error {
	return placed(e, func(e Expr) error { return check(e, 0) })
}

// fault is an error of a node with its place; a node built in code has none.
type fault struct {
	src *string
	at  int32
	msg string
}

func (f *fault) Error() string { return f.msg }

// placed runs a check and gives the fault it finds a place in a text. A tree that was built in code is printed and read back, so that
// the fault is found again at a place of the printed text: the cost falls on failures only.
func placed(e Expr, run func(Expr) error) error {
	err := run(e)
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	if f.src != nil && f.at > 0 {
		return newError(*f.src, int(f.at)-1, "%s", f.msg)
	}
	if f.msg == tooDeep {
		return newError("", 0, "%s", f.msg)
	}
	printed := text(e)
	if reread, err := Parse(printed); err == nil {
		var g *fault
		if errors.As(run(reread), &g) && g.src != nil && g.at > 0 {
			return newError(*g.src, int(g.at)-1, "%s", f.msg)
		}
	} else if pe := new(Error); errors.As(err, &pe) {
		return newError(printed, pe.Offset, "%s", f.msg) // the fault is one that the text cannot express
	}
	return newError(printed, 0, "%s", f.msg)
}

const tooDeep = "the filter is nested too deep"

func check(e Expr, depth int) error {
	if depth > maxTreeDepth {
		return &fault{msg: tooDeep}
	}
	switch n := e.(type) {
	case AndExpr:
		return checkTerms(n.Terms, depth)
	case OrExpr:
		return checkTerms(n.Terms, depth)
	case NotExpr:
		return check(n.Term, depth+1)
	case *AndExpr, *OrExpr, *NotExpr:
		return check(deref(e), depth+1)
	}
	return checkLeaf(deref(e))
}

func checkTerms(terms []Expr, depth int) error {
	for _, t := range terms {
		if err := check(t, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkLeaf(e Expr) error {
	switch n := e.(type) {
	case nil, Const:
		return nil
	case Compare:
		if n.Op < Eq || n.Op > Ge {
			return &fault{n.src, n.Column.at, "unknown comparison operator"}
		}
		return checkParts(n.src, n.Column, false, n.Value)
	case In:
		return checkParts(n.src, n.Column, true, n.Values...)
	case Between:
		return checkParts(n.src, n.Column, false, n.Low, n.High)
	case IsNull:
		return checkParts(n.src, n.Column, false)
	case Prefix:
		return checkParts(n.src, n.Column, false)
	case Like:
		if _, err := compileLike(n.Pattern); err != nil {
			return &fault{n.src, n.at, err.Error()}
		}
		return checkParts(n.src, n.Column, false)
	}
	return &fault{msg: "unknown node; the nodes of an expression are those of package expr"}
}

func checkParts(src *string, c Column, nulls bool, values ...Literal) error {
	if len(c.Path) == 0 {
		return &fault{src, c.at, "a column needs a name"}
	}
	for _, v := range values {
		if err := v.Err(); err != nil {
			return &fault{src, v.at, "column " + quoted(c) + ": " + err.Error()}
		}
		if v.IsNull() && !nulls {
			return &fault{src, v.at, "column " + quoted(c) + ": a comparison with NULL is unknown for every row; use IS NULL or IS NOT NULL"}
		}
	}
	return nil
}

// quoted shows a column in a message, always in quotes.
func quoted(c Column) string { return `"` + joined(c) + `"` }

func joined(c Column) string {
	return strings.Join(c.Path, ".")
}
