package expr

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenQuoted // a name in double quotes
	tokenString
	tokenNumber
	tokenSymbol
)

type token struct {
	kind  tokenKind
	at    int    // byte offset
	text  string // the name, the unquoted string, the digits or the symbol
	upper string // of a name that is not quoted: in upper case, for keywords
}

// describe names the token in a message without showing a literal.
func (t token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return "a string"
	case tokenNumber:
		return "a number"
	case tokenSymbol:
		return t.text
	default:
		if reserved[t.upper] {
			return t.upper
		}
		return "a name"
	}
}

func (t token) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

func (t token) word(keyword string) bool { return t.kind == tokenName && t.upper == keyword }

// reserved words are no column names unless quoted.
var reserved = map[string]bool{
	"AND": true, "OR": true, "NOT": true, "IN": true, "BETWEEN": true, "IS": true, "NULL": true, "LIKE": true, "TRUE": true, "FALSE": true,
}

// lex splits the text into tokens; the last one is the end.
func lex(text string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
			at++
		}
		if at == len(text) {
			return append(tokens, token{at: at}), nil
		}
		t, next, err := lexOne(text, at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at = next
	}
}

func lexOne(text string, at int) (t token, next int, err error) {
	t.at = at
	switch c := text[at]; {
	case c == '\'' || c == '"':
		t.kind = tokenString
		if c == '"' {
			t.kind = tokenQuoted
		}
		if t.text, next = unquote(text, at); next < 0 {
			return t, 0, newError(text, at, "this quote is not closed")
		}
		return t, next, nil
	case '0' <= c && c <= '9':
		t.kind = tokenNumber
		next = scanNumber(text, at)
		t.text = text[at:next]
		if r, _ := utf8.DecodeRuneInString(text[next:]); next < len(text) && (nameRune(r, false) || r == '.') {
			return t, 0, newError(text, at, "this is neither a number nor a name; a name that begins with a digit is put in double quotes")
		}
		return t, next, nil
	}
	if next = scanName(text, at); next > at {
		t.kind, t.text = tokenName, text[at:next]
		t.upper = strings.ToUpper(t.text)
		return t, next, nil
	}
	for _, s := range []string{"<=", ">=", "<>", "!=", "==", "<", ">", "=", "(", ")", ",", ".", "-", "+"} {
		if strings.HasPrefix(text[at:], s) {
			t.kind, t.text = tokenSymbol, s
			return t, at + len(s), nil
		}
	}
	return t, 0, newError(text, at, "this character has no meaning here; names with unusual characters are put in double quotes")
}

// unquote reads a quoted text in which the quote itself is doubled; next is negative when it is not closed.
func unquote(text string, at int) (s string, next int) {
	q := text[at]
	var b strings.Builder
	for i := at + 1; i < len(text); i++ {
		if text[i] == q {
			if i+1 == len(text) || text[i+1] != q {
				return b.String(), i + 1
			}
			i++
		}
		b.WriteByte(text[i])
	}
	return "", -1
}

// scanNumber returns the end of the digits, fraction and exponent at the offset.
func scanNumber(text string, at int) int {
	digits := func(i int) int {
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		return i
	}
	end := digits(at)
	if end < len(text) && text[end] == '.' {
		if frac := digits(end + 1); frac > end+1 {
			end = frac
		}
	}
	if end < len(text) && (text[end] == 'e' || text[end] == 'E') {
		exp := end + 1
		if exp < len(text) && (text[exp] == '+' || text[exp] == '-') {
			exp++
		}
		if e := digits(exp); e > exp {
			end = e
		}
	}
	return end
}

// scanName returns the end of the name at the offset, which is the offset when there is none.
func scanName(text string, at int) int {
	for i, r := range text[at:] {
		if !nameRune(r, i == 0) {
			return at + i
		}
	}
	return len(text)
}
