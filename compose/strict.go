package compose

import (
	"fmt"
	"reflect"

	"github.com/metaxy-go/metaxy/core"
)

// notStrict is the run-time half of core.Strict: it says why a store does not
// provably decide about every operation itself, or "". It also finds a type
// that buries Strict one level down to get its ambiguity out of the way, and a
// layer that hands back the store below, which may be strict itself.
func notStrict(s, below core.Store) string {
	if core.SameStore(s, below) {
		return "it handed back the store below"
	}
	t := reflect.TypeOf(s)
	if !t.Implements(reflect.TypeFor[core.EnforcingStore]()) {
		return fmt.Sprintf("%T must embed core.Strict", s)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return fmt.Sprintf("%T must be a struct that embeds core.Strict", s)
	}
	direct := false
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.Anonymous:
		case f.Type == reflect.TypeFor[core.Strict]():
			direct = true
		case hasStoreMethods(f.Type):
			return fmt.Sprintf("%T must not embed %s: every operation is written out", s, f.Type)
		}
	}
	if !direct {
		return fmt.Sprintf("%T must embed core.Strict directly", s)
	}
	return ""
}

// hasStoreMethods reports whether embedding t would bring a method of Store
// along, which is how an operation is passed on unnoticed.
func hasStoreMethods(t reflect.Type) bool {
	store := reflect.TypeFor[core.Store]()
	for i := range store.NumMethod() {
		name := store.Method(i).Name
		if _, ok := t.MethodByName(name); ok {
			return true
		}
		if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
			if _, ok := reflect.PointerTo(t).MethodByName(name); ok {
				return true
			}
		}
	}
	return false
}

// isSame compares two layers by identity.
func isSame(a, b core.Layer) bool {
	v := reflect.ValueOf(a)
	return v.Kind() == reflect.Pointer && reflect.TypeOf(a) == reflect.TypeOf(b) && a == b
}
