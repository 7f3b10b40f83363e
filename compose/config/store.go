package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

// storeTable is [stores.NAME], unexpanded: its environment variables need not
// be set before it is opened.
type storeTable struct {
	name  string
	pos   tomltree.Pos
	table *tomltree.Table

	extends  setting[string]
	backend  setting[string]
	password setting[string]
	fallback setting[[]leg]
	choices  map[string]setting[bool] // of the fallback, by key
	accept   []exemption
	layers   []layerTable

	abstract bool // has no backend: others extend it and nobody opens it
	broken   bool // something is wrong with it, or with what it stands on
	merged   bool
}

// setting is a key's value with its place.
type setting[T any] struct {
	value T
	pos   tomltree.Pos
	set   bool
	from  string // the store whose table it was inherited from, "" for its own
}

// leg is a store to fall back to.
type leg struct {
	name string
	pos  tomltree.Pos
}

// exemption is a rule of compose that a store does not follow.
type exemption struct{ rule, reason string }

// fallbackChoices are the keys that set an option of the fallback.
func fallbackChoices() map[string]fallback.Option {
	return map[string]fallback.Option{
		"fallback_on_unavailable": fallback.OnUnavailable(), "fallback_overlay": fallback.Overlay(), "fallback_compare_as_read": fallback.CompareAsRead(),
	}
}

// keysOfStore are the keys of [stores.NAME] beside the tables of layers.
func keysOfStore() []Key {
	return []Key{
		{Name: "backend", Required: true, Doc: "URL of the storage, such as `duckdb://dev.duckdb`; a relative path is taken from the file's folder"},
		{Name: "password", Kind: SecretRef, Doc: "password of the backend's URL"},
		{Name: "extends", Doc: "another store whose table gives what this one lacks"},
		{Name: "fallback", Kind: TextList, Doc: "stores to read from what this one does not hold, in this order"},
		{Name: "fallback_on_unavailable", Kind: Flag, Doc: "also ask the next store when one cannot be reached"},
		{Name: "fallback_overlay", Kind: Flag, Doc: "merge the stores sample by sample: what is here wins, the others supply the rest"},
		{Name: "fallback_compare_as_read", Kind: Flag, Doc: "resolve against what is read, another store's rows included: for reports, since writing that answer here would hide those rows"},
		{Name: "accept", Kind: Table, Doc: "rules of stacks that this one may break, each with the reason: `one-access = \"why\"`"},
	}
}

func (c *Config) readStore(name string, t *tomltree.Table) *storeTable {
	s := &storeTable{
		name: name, pos: t.Pos, table: t,
		extends:  get(t, "extends", t.String),
		backend:  get(t, "backend", t.String),
		password: get(t, "password", t.String),
		choices:  map[string]setting[bool]{},
	}
	for key := range fallbackChoices() {
		s.choices[key] = get(t, key, t.Bool)
	}
	c.checkURL(name, t)
	if s.password.set {
		if err := checkReference(s.password.value); err != nil {
			t.Fail("password", "password: %w", err)
		}
	}
	names := get(t, "fallback", t.List)
	s.fallback = setting[[]leg]{set: names.set, pos: names.pos}
	for i, l := range names.value {
		s.fallback.value = append(s.fallback.value, leg{l, t.Element("fallback", i)})
	}
	if accept := t.Table("accept"); accept != nil {
		for _, rule := range accept.Keys() {
			s.accept = append(s.accept, exemption{rule, accept.String(rule)})
		}
	}
	for _, k := range c.kinds {
		if l, ok := readLayer(k, t); ok {
			s.layers = append(s.layers, l)
		}
	}
	return s
}

func get[T any](t *tomltree.Table, key string, read func(string) T) setting[T] {
	if !t.Has(key) {
		return setting[T]{}
	}
	return setting[T]{value: read(key), pos: t.At(key), set: true}
}

// checkStore reports what is missing once everything is inherited.
func (c *Config) checkStore(root *tomltree.Table, s *storeTable) {
	if s.backend.value == "" {
		mistyped := s.backend.set && s.broken // which was said
		if s.abstract = !s.backend.set && c.isExtended(s.name); !s.abstract && !mistyped {
			root.Add(s.pos.Errorf("store %s has no backend: set one such as \"duckdb://%s.duckdb\"", s.name, s.name))
			s.broken = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.choices)) {
		if x := s.choices[key]; x.value && x.from == "" && len(s.fallback.value) == 0 && !s.abstract {
			root.Add(x.pos.Errorf("%s without a fallback", key))
		}
	}
	for _, l := range s.layers {
		if s.abstract {
			break
		}
		for _, err := range l.lacks() {
			root.Add(err)
			s.broken = true
		}
	}
}

// scheme names the kind of backend, "backend" when only a variable does.
func (s *storeTable) scheme() string {
	scheme, _, ok := strings.Cut(s.backend.value, "://")
	if !ok || strings.Contains(scheme, "$") {
		return "backend"
	}
	return scheme
}

// has reports whether the store has a layer of this table.
func (s *storeTable) has(table string) bool {
	return slices.ContainsFunc(s.layers, func(l layerTable) bool { return l.kind.Table == table && !l.off })
}

// layerOfKind gives the store's table of a layer that it has.
func layerOfKind(s *storeTable, table string) layerTable {
	return s.layers[slices.IndexFunc(s.layers, func(l layerTable) bool { return l.kind.Table == table && !l.off })]
}

// refused gives each problem of a stack the place of its store.
func (s *storeTable) refused(err error) error {
	inner := errors.Unwrap(err) // what compose joined
	if inner == nil || "compose: "+inner.Error() != err.Error() {
		inner = err
	}
	problems := split(inner)
	for i, p := range problems {
		problems[i] = s.pos.Errorf("store %s: %w", s.name, p)
	}
	return errors.Join(problems...)
}
