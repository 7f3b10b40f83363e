// Package tomltree reads a TOML document into a tree that knows where each key
// stands and in which order the keys were written, so that a wrong file is
// answered with a file, a line, a column and the nearest right key.
//
// Values come from the decoder of go-toml, which also checks the syntax; its
// syntax tree adds order and places alone.
package tomltree

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Pos is a place in a file. Line and Column count from 1; Line 0 is the file
// as a whole.
type Pos struct {
	File         string
	Line, Column int
}

// String gives "file:line:column".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error is something wrong at a place; it matches core.ErrInvalid.
type Error struct {
	Pos Pos
	Err error
}

// Error gives "file:line:column: what".
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Err.Error() }

// Unwrap gives the cause and core.ErrInvalid.
func (e *Error) Unwrap() []error { return []error{core.ErrInvalid, e.Err} }

// Errorf makes an Error at a place.
func (p Pos) Errorf(format string, args ...any) error {
	return &Error{Pos: p, Err: fmt.Errorf(format, args...)}
}

// Load reads and parses a file. A file that is not there matches os.ErrNotExist.
func Load(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a document; name stands for the file in messages.
func Parse(name string, data []byte) (*Table, error) {
	// The decoder takes a byte order mark for a key.
	if rest, ok := strings.CutPrefix(string(data), "\ufeff"); ok {
		data = []byte(rest)
	}
	var values map[string]any
	if err := toml.Unmarshal(data, &values); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, column := de.Position()
			return nil, Pos{name, line, column}.Errorf("%s", strings.TrimPrefix(de.Error(), "toml: "))
		}
		return nil, Pos{File: name}.Errorf("%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	root := &node{}
	if err := walk(name, data, root); err != nil {
		return nil, err
	}
	return newTable(values, root, Pos{File: name}, ""), nil
}

// Suggest gives `; did you mean "x"?` or nothing.
func Suggest(name string, candidates []string) string {
	if near, ok := expr.Nearest(name, candidates); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
