package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a filter that cannot be parsed or bound, with the place in its text.
//
// Error() holds no literal of the filter, so it can be logged. Detail holds the text: it is for the person who wrote it.
type Error struct {
	Text   string // the filter; the printed expression when it was built in code
	Offset int    // of the offending byte
	Line   int    // of the offending character, from 1
	Column int    // of the offending character in its line, counted in characters from 1
	Msg    string
}

func newError(text string, offset int, format string, args ...any) *Error {
	offset = max(0, min(offset, len(text)))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	return &Error{
		Text:   text,
		Offset: offset,
		Line:   strings.Count(text[:offset], "\n") + 1,
		Column: utf8.RuneCountInString(text[start:offset]) + 1,
		Msg:    fmt.Sprintf(format, args...),
	}
}

// Error returns one line such as: filter:1:14: unknown column "regoin", did you mean "region"?
func (e *Error) Error() string { return fmt.Sprintf("filter:%d:%d: %s", e.Line, e.Column, e.Msg) }

// Detail returns the message with the line of the text and a caret under the place. A long line is cut around it.
func (e *Error) Detail() string {
	const before, after = 60, 40 // characters shown around the caret
	offset := max(0, min(e.Offset, len(e.Text)))
	start := strings.LastIndexByte(e.Text[:offset], '\n') + 1
	left := visible(e.Text[start:offset])
	line, _, _ := strings.Cut(e.Text[offset:], "\n")
	right := visible(line)
	if len(left) > before {
		left = append([]rune("..."), left[len(left)-before:]...)
	}
	if len(right) > after {
		right = append(right[:after:after], []rune("...")...)
	}
	return fmt.Sprintf("%s\n  %s%s\n  %s^", e.Error(), string(left), string(right), strings.Repeat(" ", len(left)))
}

// visible replaces what would move or hide the caret on a terminal.
func visible(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		if r == '\t' {
			runes[i] = ' '
		} else if !unicode.IsPrint(r) {
			runes[i] = '?'
		}
	}
	return runes
}
