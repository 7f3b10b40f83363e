package expr

import "strings"

// test reads what follows a column: an operator with its literals, or nothing after a boolean column.
func (p *parser) test(c Column) (Expr, error) {
	t := p.peek()
	if op, ok := compareOps[t.text]; ok && t.kind == tokenSymbol {
		p.take()
		return p.compare(c, op, t)
	}
	if t.kind == tokenEnd || t.is(")") || t.word("AND") || t.word("OR") {
		return Compare{Column: c, Op: Eq, Value: Bool(true), src: p.text}, nil
	}
	if p.takeWord("IS") {
		negated := p.takeWord("NOT")
		if t := p.take(); !t.word("NULL") {
			return nil, p.fail(t, "unexpected %s, want NULL", t.describe())
		}
		return negate(IsNull{Column: c, src: p.text}, negated), nil
	}
	negated := p.takeWord("NOT")
	var e Expr
	var err error
	switch t := p.take(); {
	case t.word("IN"):
		e, err = p.in(c)
	case t.word("BETWEEN"):
		e, err = p.between(c)
	case t.word("LIKE"):
		e, err = p.like(c)
	case t.word("STARTS"):
		if w := p.take(); !w.word("WITH") {
			return nil, p.fail(w, "unexpected %s, want WITH", w.describe())
		}
		e, err = p.prefix(c)
	case t.kind == tokenName:
		if near, ok := Nearest(t.text, operators); ok {
			return nil, p.fail(t, "unknown operator %q, did you mean %s?", t.text, near)
		}
		return nil, p.fail(t, "unknown operator %q", t.text)
	default:
		return nil, p.fail(t, "unexpected %s, want an operator", t.describe())
	}
	if err != nil {
		return nil, err
	}
	return negate(e, negated), nil
}

func negate(e Expr, negated bool) Expr {
	if negated {
		return NotExpr{Term: e}
	}
	return e
}

func (p *parser) compare(c Column, op CompareOp, at token) (Expr, error) {
	switch t := p.peek(); {
	case t.kind == tokenQuoted:
		return nil, p.fail(t, "double quotes name a column, which cannot be compared with another; write a string in single quotes")
	case !p.atLiteral() && t.kind == tokenName && !reserved[t.upper]:
		return nil, p.fail(t, "a column is compared with a literal, not with another column; write a string in single quotes")
	}
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	if value.IsNull() {
		return nil, p.nullCompared(at, op)
	}
	return Compare{Column: c, Op: op, Value: value, src: p.text}, nil
}

func (p *parser) in(c Column) (Expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	e := In{Column: c, src: p.text}
	if p.takeSymbol(")") {
		return e, nil
	}
	for {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		e.Values = append(e.Values, v)
		if t := p.take(); t.is(")") {
			return e, nil
		} else if !t.is(",") {
			return nil, p.fail(t, "unexpected %s, want a comma or )", t.describe())
		}
	}
}

func (p *parser) between(c Column) (Expr, error) {
	bound := func() (Literal, error) {
		t := p.peek()
		v, err := p.literal()
		if err == nil && v.IsNull() {
			err = p.fail(t, "NULL is no bound")
		}
		return v, err
	}
	low, err := bound()
	if err != nil {
		return nil, err
	}
	if t := p.take(); !t.word("AND") {
		return nil, p.fail(t, "unexpected %s, want AND and the upper bound", t.describe())
	}
	high, err := bound()
	if err != nil {
		return nil, err
	}
	return Between{Column: c, Low: low, High: high, src: p.text}, nil
}

func (p *parser) like(c Column) (Expr, error) {
	t := p.take()
	if t.kind != tokenString {
		return nil, p.fail(t, "unexpected %s, want a pattern", t.describe())
	}
	if _, err := compileLike(t.text); err != nil {
		return nil, p.fail(t, "%s", err.Error())
	}
	return Like{Column: c, Pattern: t.text, src: p.text, at: int32(t.at) + 1}, nil
}

// startsWith reads starts_with(column, 'prefix').
func (p *parser) startsWith() (Expr, error) {
	p.take()
	p.take()
	c, err := p.column()
	if err != nil {
		return nil, err
	}
	if err := p.want(","); err != nil {
		return nil, err
	}
	e, err := p.prefix(c)
	if err != nil {
		return nil, err
	}
	return e, p.want(")")
}

func (p *parser) prefix(c Column) (Expr, error) {
	t := p.take()
	if t.kind != tokenString {
		return nil, p.fail(t, "unexpected %s, want a string", t.describe())
	}
	return Prefix{Column: c, Prefix: t.text, src: p.text}, nil
}

// flipped reads a comparison whose literal comes first.
func (p *parser) flipped() (Expr, error) {
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	t := p.take()
	op, ok := compareOps[t.text]
	if !ok || t.kind != tokenSymbol {
		return nil, p.fail(t, "unexpected %s, want a comparison of the literal with a column", t.describe())
	}
	if value.IsNull() {
		return nil, p.nullCompared(t, op)
	}
	if p.atLiteral() {
		return nil, p.fail(p.peek(), "a comparison needs a column on one side")
	}
	c, err := p.column()
	if err != nil {
		return nil, err
	}
	return Compare{Column: c, Op: op.flip(), Value: value, src: p.text}, nil
}

func (p *parser) nullCompared(t token, op CompareOp) error {
	switch op {
	case Eq:
		return p.fail(t, "= NULL is unknown for every row; write IS NULL")
	case Ne:
		return p.fail(t, "<> NULL is unknown for every row; write IS NOT NULL")
	default:
		return p.fail(t, "a comparison with NULL is unknown for every row; write IS NULL or IS NOT NULL")
	}
}

var compareOps = map[string]CompareOp{"=": Eq, "==": Eq, "<>": Ne, "!=": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge}

// operators are suggested for a misspelled one.
var operators = strings.Fields("AND OR NOT IN BETWEEN IS LIKE STARTS")
