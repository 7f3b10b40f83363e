package expr

// Limits of what Parse accepts, so that hostile text exhausts neither stack nor memory.
const (
	MaxTextLen = 1 << 20 // bytes
	MaxDepth   = 200     // nested parentheses and NOTs
)

// Parse reads an expression from text. Keywords are case-insensitive:
//
//	= == != <> < <= > >=        column with literal, either side first
//	[NOT] IN (1, 2)             [NOT] BETWEEN 1 AND 2        IS [NOT] NULL
//	[NOT] LIKE 'a%'             starts_with(column, 'a')     column STARTS WITH 'a'
//	AND OR NOT ( )              TRUE FALSE                   a boolean column by itself
//
// Columns are names such as region, fields of structs such as data_version.frames, or anything in double quotes: "odd name".x.
// Literals are
//
//	'text' (a quote inside is doubled)      12  -1.5  1e9  DECIMAL '12.50'  FLOAT 'NaN'      TRUE  FALSE
//	TIMESTAMP '2026-01-02T03:04:05Z'        DATE '2026-01-02'        TIME '03:04:05'         DURATION '1h30m'
//	X'deadbeef' (bytes)                     NULL within IN
//
// A timestamp without a zone is in UTC.
//
// An error is an *[Error] with the place of the fault. The nodes remember their place, so that a fault that [Bind] finds has one too.
func Parse(text string) (Expr, error) {
	if len(text) > MaxTextLen {
		return nil, newError(text[:0], 0, "the filter is longer than %d bytes", MaxTextLen)
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{text: &text, tokens: tokens}
	if p.peek().kind == tokenEnd {
		return nil, p.fail(p.peek(), "the filter is empty; write TRUE for every row")
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.fail(t, "unexpected %s, want AND, OR or the end", t.describe())
	}
	return e, nil
}

// parser is a recursive descent over the tokens, one function a precedence level.
type parser struct {
	text   *string
	tokens []token
	next   int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.next] }

// peek2 is the token after the next one.
func (p *parser) peek2() token { return p.tokens[min(p.next+1, len(p.tokens)-1)] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

func (p *parser) takeWord(keyword string) bool {
	if p.peek().word(keyword) {
		p.next++
		return true
	}
	return false
}

func (p *parser) takeSymbol(symbol string) bool {
	if p.peek().is(symbol) {
		p.next++
		return true
	}
	return false
}

func (p *parser) fail(t token, format string, args ...any) error {
	return newError(*p.text, t.at, format, args...)
}

func (p *parser) want(symbol string) error {
	if t := p.peek(); !p.takeSymbol(symbol) {
		return p.fail(t, "unexpected %s, want %s", t.describe(), symbol)
	}
	return nil
}

func (p *parser) enter(t token) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(t, "the filter is nested more than %d deep", MaxDepth)
	}
	return nil
}

func (p *parser) or() (Expr, error) {
	first, err := p.and()
	if err != nil || !p.peek().word("OR") {
		return first, err
	}
	terms := []Expr{first}
	for p.takeWord("OR") {
		t, err := p.and()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	return OrExpr{Terms: terms}, nil
}

func (p *parser) and() (Expr, error) {
	first, err := p.not()
	if err != nil || !p.peek().word("AND") {
		return first, err
	}
	terms := []Expr{first}
	for p.takeWord("AND") {
		t, err := p.not()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	return AndExpr{Terms: terms}, nil
}

func (p *parser) not() (Expr, error) {
	t := p.peek()
	if !p.takeWord("NOT") {
		return p.primary()
	}
	if err := p.enter(t); err != nil {
		return nil, err
	}
	e, err := p.not()
	p.depth--
	if err != nil {
		return nil, err
	}
	return NotExpr{Term: e}, nil
}

func (p *parser) primary() (Expr, error) {
	t := p.peek()
	if p.takeSymbol("(") {
		if err := p.enter(t); err != nil {
			return nil, err
		}
		e, err := p.or()
		p.depth--
		if err != nil {
			return nil, err
		}
		return e, p.want(")")
	}
	_, compared := compareOps[p.peek2().text]
	compared = compared && p.peek2().kind == tokenSymbol
	if (t.word("TRUE") || t.word("FALSE")) && !compared {
		p.take()
		return Const{Value: t.upper == "TRUE"}, nil
	}
	if t.word("STARTS_WITH") && p.peek2().is("(") {
		return p.startsWith()
	}
	if p.atLiteral() {
		return p.flipped()
	}
	if t.kind != tokenQuoted && (t.kind != tokenName || reserved[t.upper]) {
		return nil, p.fail(t, "unexpected %s, want a column", t.describe())
	}
	c, err := p.column()
	if err != nil {
		return nil, err
	}
	return p.test(c)
}

// column reads a path of names.
func (p *parser) column() (Column, error) {
	c := Column{at: int32(p.peek().at) + 1}
	for {
		t := p.take()
		if t.kind != tokenQuoted && (t.kind != tokenName || reserved[t.upper]) {
			return c, p.fail(t, "unexpected %s, want a column", t.describe())
		}
		c.Path = append(c.Path, t.text)
		if !p.takeSymbol(".") {
			return c, nil
		}
	}
}
