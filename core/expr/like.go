package expr

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// likePattern is a compiled SQL pattern.
type likePattern struct {
	shape likeShape
	text  string   // the literal text of every shape but likeAny
	parts []likeOp // of likeAny
}

// likeShape tells the patterns that need no matcher from those that do.
type likeShape uint8

const (
	likeExact    likeShape = iota // abc
	likePrefix                    // abc%
	likeSuffix                    // %abc
	likeContains                  // %abc%
	likeAny                       // everything else
)

// likeOp is one element of a pattern: a byte, one character, or any text.
type likeOp struct {
	kind byte // 'b', '_' or '%'
	b    byte
}

func compileLike(pattern string) (*likePattern, error) {
	var p likePattern
	var text []byte
	percents, underscores := 0, false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '%':
			if n := len(p.parts); n > 0 && p.parts[n-1].kind == '%' {
				continue // %% is %
			}
			percents++
			p.parts = append(p.parts, likeOp{kind: '%'})
		case '_':
			underscores = true
			p.parts = append(p.parts, likeOp{kind: '_'})
		default:
			if c == '\\' {
				if i++; i == len(pattern) {
					return nil, errors.New(`the pattern ends with the escape character; write \\ for a backslash`)
				}
				c = pattern[i]
			}
			p.parts = append(p.parts, likeOp{kind: 'b', b: c})
			text = append(text, c)
		}
	}
	p.text = string(text)
	n := len(p.parts)
	switch {
	case underscores:
		p.shape = likeAny
	case percents == 0:
		p.shape = likeExact
	case percents == 1 && p.parts[n-1].kind == '%':
		p.shape = likePrefix
	case percents == 1 && p.parts[0].kind == '%':
		p.shape = likeSuffix
	case percents == 2 && p.parts[0].kind == '%' && p.parts[n-1].kind == '%':
		p.shape = likeContains
	default:
		p.shape = likeAny
	}
	return &p, nil
}

func (p *likePattern) match(s string) bool {
	switch p.shape {
	case likeExact:
		return s == p.text
	case likePrefix:
		return strings.HasPrefix(s, p.text)
	case likeSuffix:
		return strings.HasSuffix(s, p.text)
	case likeContains:
		return strings.Contains(s, p.text)
	default:
		return p.walk(s)
	}
}

// walk matches by remembering only the last %: a mismatch lets that one take one byte more. Going back to an earlier % could not help,
// so the cost is at most length times pattern, whatever the pattern.
func (p *likePattern) walk(s string) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		if j < len(p.parts) {
			switch op := p.parts[j]; {
			case op.kind == '%':
				star, mark = j, i
				j++
				continue
			case op.kind == '_':
				i += charLen(s[i:])
				j++
				continue
			case op.b == s[i]:
				i++
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark += charLen(s[mark:])
		if next := star + 1; next < len(p.parts) && p.parts[next].kind == 'b' {
			skip := strings.IndexByte(s[mark:], p.parts[next].b) // the % ends before this byte or nowhere
			if skip < 0 {
				return false
			}
			mark += skip
		}
		i, j = mark, star+1
	}
	for j < len(p.parts) && p.parts[j].kind == '%' {
		j++
	}
	return j == len(p.parts)
}

// charLen is the length of the first character; a byte that is no UTF-8 is one character.
func charLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
