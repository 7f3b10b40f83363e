package expr

import (
	"strings"
	"unicode"
)

// String prints the expression.
func (e Compare) String() string { return text(e) }

// String prints the expression.
func (e In) String() string { return text(e) }

// String prints the expression.
func (e Between) String() string { return text(e) }

// String prints the expression.
func (e IsNull) String() string { return text(e) }

// String prints the expression.
func (e Prefix) String() string { return text(e) }

// String prints the expression.
func (e Like) String() string { return text(e) }

// String prints the expression.
func (e AndExpr) String() string { return text(e) }

// String prints the expression.
func (e OrExpr) String() string { return text(e) }

// String prints the expression.
func (e NotExpr) String() string { return text(e) }

// String prints the expression.
func (e Const) String() string { return text(e) }

// Shape prints the expression with ? for every literal, so that it can stand in a log: region = ? AND sample_id IN (?). The shape of nil
// is empty.
func Shape(e Expr) string {
	p := printer{shape: true}
	p.expr(e, precOr)
	return p.String()
}

func text(e Expr) string {
	var p printer
	p.expr(e, precOr)
	return p.String()
}

// Binding strength: a node is put in parentheses where its context binds tighter.
const (
	precOr = iota
	precAnd
	precNot
)

type printer struct {
	strings.Builder
	shape bool // print ? instead of literals
}

func (p *printer) expr(e Expr, prec int) {
	switch n := reduce(e).(type) {
	case nil:
	case AndExpr:
		p.terms(n.Terms, " AND ", precAnd, prec)
	case OrExpr:
		p.terms(n.Terms, " OR ", precOr, prec)
	case NotExpr:
		p.not(n)
	case Const:
		if n.Value {
			p.WriteString("TRUE")
		} else {
			p.WriteString("FALSE")
		}
	default:
		p.leaf(n, false)
	}
}

func (p *printer) terms(terms []Expr, sep string, own, prec int) {
	if prec > own {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	for i, t := range terms {
		if i > 0 {
			p.WriteString(sep)
		}
		p.expr(t, own+1)
	}
}

func (p *printer) not(n NotExpr) {
	term := reduce(n.Term)
	switch term.(type) {
	case In, Between, IsNull, Like:
		p.leaf(term, true)
	default:
		p.WriteString("NOT ")
		p.expr(term, precNot)
	}
}

func (p *printer) leaf(e Expr, negated bool) {
	not := ""
	if negated {
		not = "NOT "
	}
	switch n := e.(type) {
	case Compare:
		p.column(n.Column)
		p.WriteString(" " + n.Op.String() + " ")
		p.literal(n.Value)
	case In:
		p.column(n.Column)
		p.WriteString(" " + not + "IN (")
		for i, v := range n.Values {
			if i > 0 {
				if p.shape {
					break // one ? for the list: its length is no business of a log, and shapes should be few
				}
				p.WriteString(", ")
			}
			p.literal(v)
		}
		p.WriteByte(')')
	case Between:
		p.column(n.Column)
		p.WriteString(" " + not + "BETWEEN ")
		p.literal(n.Low)
		p.WriteString(" AND ")
		p.literal(n.High)
	case IsNull:
		p.column(n.Column)
		p.WriteString(" IS " + not + "NULL")
	case Prefix:
		p.WriteString("starts_with(")
		p.column(n.Column)
		p.WriteString(", ")
		p.literal(String(n.Prefix))
		p.WriteByte(')')
	case Like:
		p.column(n.Column)
		p.WriteString(" " + not + "LIKE ")
		p.literal(String(n.Pattern))
	default:
		p.WriteString("<unknown node>")
	}
}

func (p *printer) column(c Column) { writeColumn(&p.Builder, c) }

func (p *printer) literal(l Literal) {
	if p.shape {
		p.WriteByte('?')
		return
	}
	writeLiteral(&p.Builder, l)
}

func writeColumn(b *strings.Builder, c Column) {
	for i, name := range c.Path {
		if i > 0 {
			b.WriteByte('.')
		}
		if plainName(name) {
			b.WriteString(name)
		} else {
			quote(b, name, '"')
		}
	}
	if len(c.Path) == 0 {
		b.WriteString(`""`)
	}
}

// plainName reports whether a name needs no quotes.
func plainName(name string) bool {
	if name == "" || reserved[strings.ToUpper(name)] {
		return false
	}
	for i, r := range name {
		if !nameRune(r, i == 0) {
			return false
		}
	}
	return true
}

func nameRune(r rune, first bool) bool {
	return r == '_' || r != unicode.ReplacementChar && unicode.IsLetter(r) || !first && unicode.IsDigit(r)
}

func quote(b *strings.Builder, s string, q byte) {
	b.WriteByte(q)
	for i := range len(s) {
		if s[i] == q {
			b.WriteByte(q)
		}
		b.WriteByte(s[i])
	}
	b.WriteByte(q)
}
