package core

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
)

// Describer says what a store is made of. It tells nothing about rows, so it
// is the one question beside Store that a store may be asked: compose.Stack
// answers it, and a layer that holds whole stacks passes it on to them.
type Describer interface {
	Describe() Description
}

// Holder says whether a store is, or stands on, the very store s: compose asks
// it so that a stack is not among its own fallbacks. It answers yes or no and
// hands nothing out. Layers that hold stores of their own implement it, and so
// does compose.Stack.
type Holder interface {
	Holds(s Store) bool
}

// DescribeStore describes any store. One that is no Describer is a backend
// named after its package, such as "duckdb".
func DescribeStore(s Store) Description {
	if d, ok := s.(Describer); ok {
		return d.Describe()
	}
	return Description{Backend: packageOf(s)}
}

// StandsOn reports whether outer is inner or, being a Holder, says that it
// holds it.
func StandsOn(outer, inner Store) bool {
	if SameStore(outer, inner) {
		return true
	}
	h, ok := outer.(Holder)
	return ok && h.Holds(inner)
}

// SameStore compares identity. Stores of a type that cannot be compared are never
// the same.
func SameStore(a, b Store) bool {
	v := reflect.ValueOf(a)
	return v.IsValid() && v.Comparable() && reflect.TypeOf(a) == reflect.TypeOf(b) && a == b
}

// majorVersion is the last element of the path of a package of version 2 and
// above.
var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

func packageOf(s Store) string {
	t := reflect.TypeOf(s)
	if t == nil {
		return ""
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := t.PkgPath()
	if majorVersion.MatchString(path.Base(p)) {
		p = path.Dir(p)
	}
	if p == "" {
		return fmt.Sprintf("%T", s)
	}
	return path.Base(p)
}
