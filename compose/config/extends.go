package config

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// checkExtends reports stores that do not exist and circles, and merges the
// others: tables key by key, a list or a value as a whole.
func (c *Config) checkExtends(root *tomltree.Table) {
	for _, s := range c.stores {
		switch {
		case !s.extends.set:
			continue
		case s.extends.value == s.name:
			root.Add(s.extends.pos.Errorf("store %s extends itself", s.name))
		case c.store(s.extends.value) == nil:
			root.Add(s.extends.pos.Errorf("store %s extends unknown store %q%s", s.name, s.extends.value, tomltree.Suggest(s.extends.value, c.allNames())))
		default:
			continue
		}
		s.broken = true
	}
	circle(c, root, func(s *storeTable) []leg {
		if !s.extends.set {
			return nil
		}
		return []leg{{s.extends.value, s.extends.pos}}
	}, "stores extend each other in a circle: ")
	for _, s := range c.stores {
		c.merge(s)
	}
}

// merge gives a store what it lacks of the one that it extends.
func (c *Config) merge(s *storeTable) {
	if s.merged {
		return
	}
	s.merged = true // first, since a circle was reported and must end here
	base := c.store(s.extends.value)
	if !s.extends.set || base == nil || s.broken {
		return
	}
	c.merge(base)
	s.broken = s.broken || base.broken
	inherit(&s.backend, base.backend, base.name)
	inherit(&s.password, base.password, base.name)
	inherit(&s.fallback, base.fallback, base.name)
	for key, own := range s.choices {
		inherit(&own, base.choices[key], base.name)
		s.choices[key] = own
	}
	for _, e := range base.accept {
		if !slices.ContainsFunc(s.accept, func(own exemption) bool { return own.rule == e.rule }) {
			s.accept = append(s.accept, e)
		}
	}
	own := s.layers
	s.layers = nil
	for _, k := range c.kinds {
		if l, ok := layerOf(own, base.layers, k.Table); ok {
			l.section = l.moved("stores." + s.name + "." + k.Table)
			s.layers = append(s.layers, l)
		}
	}
}

func inherit[T any](own *setting[T], base setting[T], from string) {
	if own.set || !base.set {
		return
	}
	*own = base
	if own.from == "" {
		own.from = from
	}
}

func layerOf(own, base []layerTable, table string) (layerTable, bool) {
	named := func(l layerTable) bool { return l.kind.Table == table }
	i, j := slices.IndexFunc(own, named), slices.IndexFunc(base, named)
	switch {
	case i >= 0 && j >= 0:
		return layerTable{own[i].inherit(base[j].section), own[i].kind}, true
	case i >= 0:
		return own[i], true
	case j >= 0:
		return base[j], true
	}
	return layerTable{}, false
}

func (c *Config) isExtended(name string) bool {
	return slices.ContainsFunc(c.stores, func(s *storeTable) bool { return s.extends.value == name && s.name != name })
}

// checkFallbacks reports stores that do not exist and circles.
func (c *Config) checkFallbacks(root *tomltree.Table) {
	for _, s := range c.stores {
		for i, l := range s.fallback.value {
			if why := c.wrongLeg(s, l, s.fallback.value[:i]); why != "" {
				root.Add(l.pos.Errorf("store %s falls back to %s", s.name, why))
				s.broken = true
			}
		}
	}
	circle(c, root, func(s *storeTable) []leg { return s.fallback.value }, "stores fall back on each other in a circle: ")
	for _, s := range c.stores {
		for _, l := range s.fallback.value {
			if same := c.sameStorage(s, l.name, map[string]bool{}); same != "" && s.fallback.from == "" && !s.broken {
				root.Add(l.pos.Errorf("store %s falls back to %s, whose storage is its own: %s has the same backend", s.name, l.name, same))
				s.broken = true
			}
		}
	}
	for range c.stores { // what stands on something broken is broken too
		for _, s := range c.stores {
			for _, l := range s.fallback.value {
				o := c.store(l.name)
				s.broken = s.broken || o == nil || o.broken
			}
		}
	}
}

// wrongLeg says what is wrong with a leg after those before it, or nothing. What
// is wrong wherever it is inherited is reported where it was written.
func (c *Config) wrongLeg(s *storeTable, l leg, before []leg) string {
	other := c.store(l.name)
	own := s.fallback.from == ""
	switch {
	case other == s && own:
		return "itself"
	case other == s:
		return "itself; it inherits this from " + s.fallback.from + ": write fallback = []"
	case !own:
		return ""
	case other == nil:
		return "unknown store " + strconv.Quote(l.name) + tomltree.Suggest(l.name, c.Names())
	case other.abstract:
		return l.name + ", which has no backend"
	case slices.ContainsFunc(before, func(o leg) bool { return o.name == l.name }):
		return l.name + " twice"
	}
	return ""
}

// sameStorage finds the store that is name, or that name falls back to, over the
// storage of s: reads would meet the same rows again, past the layers of s.
// Every memory is another one.
func (c *Config) sameStorage(s *storeTable, name string, seen map[string]bool) string {
	other := c.store(name)
	if other == nil || other == s || seen[name] {
		return ""
	}
	seen[name] = true
	if at := s.storage(); at != "" && at == other.storage() {
		return name
	}
	for _, l := range other.fallback.value {
		if same := c.sameStorage(s, l.name, seen); same != "" {
			return same
		}
	}
	return ""
}

// storage is the URL of the backend without its options, "" for memory.
func (s *storeTable) storage() string {
	u := splitURL(s.backend.value)
	path, _, _ := strings.Cut(u.rest, "?")
	if path == "" || path == ":memory:" || u.scheme == "memory" {
		return ""
	}
	return u.scheme + "://" + filepath.Clean(path)
}

// circle reports each circle of a relation between stores once. A store that
// points at itself is left to the caller, who has a better word for it.
func circle(c *Config, root *tomltree.Table, next func(*storeTable) []leg, text string) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(*storeTable)
	visit = func(s *storeTable) {
		state[s.name] = visiting
		path = append(path, s.name)
		for _, l := range next(s) {
			other := c.store(l.name)
			switch {
			case other == nil || other == s || state[l.name] == done:
			case state[l.name] == visiting:
				at := path[slices.Index(path, l.name):]
				root.Add(l.pos.Errorf("%s%s", text, strings.Join(append(slices.Clone(at), l.name), " → ")))
				for _, name := range at {
					c.store(name).broken = true
				}
			default:
				visit(other)
			}
		}
		path = path[:len(path)-1]
		state[s.name] = done
	}
	for _, s := range c.stores {
		if state[s.name] == 0 {
			visit(s)
		}
	}
}
