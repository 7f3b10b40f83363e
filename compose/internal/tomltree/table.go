package tomltree

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table is a table of the document. Its getters note which keys were asked
// for and collect what is wrong; Err reports both at the end.
type Table struct {
	Pos  Pos
	Path string // such as stores.dev

	values map[string]any
	node   *node
	asked  []string
	known  map[string]bool // of asked
	errs   []error
	kids   []*Table
}

func newTable(values map[string]any, n *node, pos Pos, path string) *Table {
	return &Table{Pos: pos, Path: path, values: values, node: n, known: map[string]bool{}}
}

// Keys lists the keys in the order of the document.
func (t *Table) Keys() []string {
	keys := make([]string, 0, len(t.values))
	for _, k := range t.node.order {
		if _, ok := t.values[k]; ok {
			keys = append(keys, k)
		}
	}
	if len(keys) < len(t.values) { // keys that have no place of their own
		for _, k := range slices.Sorted(maps.Keys(t.values)) {
			if _, placed := t.node.children[k]; !placed {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// Has reports whether the key is there, and counts it as known.
func (t *Table) Has(key string) bool {
	if !t.known[key] {
		t.known[key] = true
		t.asked = append(t.asked, key)
	}
	_, ok := t.values[key]
	return ok
}

// At is the place of a key, or that of the table.
func (t *Table) At(key string) Pos {
	if n, ok := t.node.children[key]; ok {
		return n.pos
	}
	return t.Pos
}

// InValue is the place of the character that stands offset bytes into a
// string value. ok is false when the value is written with escapes or over
// several lines, so that only its beginning is known.
func (t *Table) InValue(key string, offset int) (pos Pos, ok bool) {
	n, found := t.node.children[key]
	if !found {
		return t.Pos, false
	}
	text, _ := t.values[key].(string)
	pos = n.value
	for _, quote := range []string{`"`, `'`} {
		if n.raw == quote+text+quote && !strings.HasPrefix(text, quote+quote) && offset <= len(text) {
			pos.Column += 1 + utf8.RuneCountInString(text[:offset])
			return pos, true
		}
	}
	return pos, false
}

// Fail notes something wrong with a key's value.
func (t *Table) Fail(key, format string, args ...any) {
	t.errs = append(t.errs, t.At(key).Errorf(format, args...))
}

// Add notes an error that has its place already.
func (t *Table) Add(err error) { t.errs = append(t.errs, err) }

// Err joins what was noted here and in the tables below, in the order of the
// document: wrong values, and keys that nobody asked for, each with the nearest
// one that somebody did.
func (t *Table) Err() error {
	errs := t.all()
	slices.SortStableFunc(errs, func(a, b error) int {
		var x, y *Error
		if !errors.As(a, &x) || !errors.As(b, &y) {
			return 0
		}
		return cmp.Or(cmp.Compare(x.Pos.Line, y.Pos.Line), cmp.Compare(x.Pos.Column, y.Pos.Column))
	})
	// A value may have been asked for more than once.
	return errors.Join(slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })...)
}

func (t *Table) all() []error {
	errs := slices.Clone(t.errs)
	for _, k := range t.Keys() {
		if !t.known[k] {
			where := ""
			if t.Path != "" {
				where = " in [" + t.Path + "]"
			}
			errs = append(errs, t.At(k).Errorf("unknown key %q%s%s", k, where, Suggest(k, t.asked)))
		}
	}
	for _, kid := range t.kids {
		errs = append(errs, kid.all()...)
	}
	return errs
}

// String gives a string, "" when the key is not there.
func (t *Table) String(key string) string {
	s, _ := get[string](t, key, "a string")
	return s
}

// Bool gives a boolean, false when the key is not there.
func (t *Table) Bool(key string) bool {
	b, _ := get[bool](t, key, "true or false")
	return b
}

// Int gives an integer; ok is false when the key is not there.
func (t *Table) Int(key string) (n int64, ok bool) {
	return get[int64](t, key, "an integer")
}

// Float gives a number; ok is false when the key is not there.
func (t *Table) Float(key string) (f float64, ok bool) {
	if n, isInt := t.values[key].(int64); isInt {
		t.Has(key)
		return float64(n), true
	}
	return get[float64](t, key, "a number")
}

// Strings gives a list of strings, nil when the key is not there and not nil
// when it is.
func (t *Table) Strings(key string) []string {
	list, ok := get[[]any](t, key, "a list of strings")
	if !ok {
		return nil
	}
	out := make([]string, 0, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			t.errs = append(t.errs, t.element(key, i).Errorf("%s: element %d is %s, want a string", key, i+1, kind(v)))
			continue
		}
		out = append(out, s)
	}
	return out
}

// List gives a list of strings; a string alone stands for a list of one.
func (t *Table) List(key string) []string {
	if s, ok := t.Any(key).(string); ok {
		return []string{s}
	}
	return t.Strings(key)
}

// Element is the place of an element of a list.
func (t *Table) Element(key string, i int) Pos { return t.element(key, i) }

func (t *Table) element(key string, i int) Pos {
	if n, ok := t.node.children[key]; ok {
		if e, ok := n.children[strconv.Itoa(i)]; ok {
			return e.value
		}
	}
	return t.At(key)
}

// Table gives the table below a key, nil when the key is not there.
func (t *Table) Table(key string) *Table {
	m, ok := get[map[string]any](t, key, "a table")
	if !ok {
		return nil
	}
	return t.sub(key, m, t.node.get(key))
}

// Any gives a value of whatever kind: a string, bool, int64, float64, list or
// table of the decoder; nil when the key is not there.
func (t *Table) Any(key string) any {
	t.Has(key)
	return t.values[key]
}

// Tables gives the tables of a list, such as [[name]]. With a shorthand, an
// element that is a string stands for a table of this one key.
func (t *Table) Tables(key, shorthand string) []*Table {
	list, ok := get[[]any](t, key, "a list of tables")
	if !ok {
		return nil
	}
	var out []*Table
	for i, v := range list {
		m, ok := v.(map[string]any)
		if s, short := v.(string); short && shorthand != "" {
			m, ok = map[string]any{shorthand: s}, true
		}
		if !ok {
			t.errs = append(t.errs, t.element(key, i).Errorf("%s: element %d is %s, want a table", key, i+1, kind(v)))
			continue
		}
		out = append(out, t.sub(key, m, t.node.get(key).get(strconv.Itoa(i))))
	}
	return out
}

// OneOrMore is Tables that also takes one table, or with a shorthand one string,
// for a list of one.
func (t *Table) OneOrMore(key, shorthand string) []*Table {
	switch v := t.Any(key).(type) {
	case map[string]any:
		return []*Table{t.Table(key)}
	case string:
		if shorthand != "" {
			return []*Table{t.sub(key, map[string]any{shorthand: v}, t.node.get(key))}
		}
	}
	return t.Tables(key, shorthand)
}

func (t *Table) sub(key string, m map[string]any, n *node) *Table {
	path := quoted(key)
	if t.Path != "" {
		path = t.Path + "." + path
	}
	kid := newTable(m, n, n.pos, path)
	t.kids = append(t.kids, kid)
	return kid
}

// quoted writes a key as TOML does.
func quoted(key string) string {
	bare := strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
	if bare && key != "" {
		return key
	}
	return strconv.Quote(key)
}

func get[T any](t *Table, key, want string) (T, bool) {
	var zero T
	if !t.Has(key) {
		return zero, false
	}
	v, ok := t.values[key].(T)
	if !ok {
		t.Fail(key, "%s is %s, want %s", key, kind(t.values[key]), want)
		return zero, false
	}
	return v, true
}

// kind names what a value is without showing it.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return fmt.Sprintf("a %T", v)
}
