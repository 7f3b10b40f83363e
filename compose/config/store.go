package config

import (
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// storeTable is [stores.NAME], unexpanded: its environment variables need not
// be set before it is opened.
type storeTable struct {
	name        string
	pos         tomltree.Pos
	backend     string
	backendPos  tomltree.Pos
	fallback    []string
	fallbackPos []tomltree.Pos
	unavailable bool
	accept      [][2]string // rule and reason
	layers      []layerTable
}

func (c *Config) readStore(name string, t *tomltree.Table) *storeTable {
	s := &storeTable{
		name: name, pos: t.Pos,
		backend: t.String("backend"), backendPos: t.At("backend"),
		fallback: t.List("fallback"), unavailable: t.Bool("fallback_on_unavailable"),
	}
	if _, _, ok := strings.Cut(s.backend, "://"); !ok && t.Has("backend") && s.backend != "" && !strings.Contains(s.backend, "$") {
		t.Fail("backend", "backend: want a URL such as \"duckdb://dev.duckdb\" or \"memory://\"")
	}
	if !t.Has("backend") || t.Any("backend") == "" {
		t.Add(t.Pos.Errorf("store %s has no backend: set one such as \"duckdb://%s.duckdb\"", name, name))
	}
	for i := range s.fallback {
		s.fallbackPos = append(s.fallbackPos, t.Element("fallback", i))
	}
	if s.unavailable && len(s.fallback) == 0 {
		t.Fail("fallback_on_unavailable", "fallback_on_unavailable without a fallback")
	}
	if accept := t.Table("accept"); accept != nil {
		for _, rule := range accept.Keys() {
			s.accept = append(s.accept, [2]string{rule, accept.String(rule)})
		}
	}
	for _, k := range c.kinds {
		if sub := t.Table(k.Table); sub != nil {
			s.layers = append(s.layers, readLayer(k, sub))
		}
	}
	return s
}

// checkFallbacks reports stores that do not exist and circles.
func (c *Config) checkFallbacks(root *tomltree.Table) {
	for _, s := range c.stores {
		for i, leg := range s.fallback {
			switch {
			case leg == s.name:
				root.Add(s.fallbackPos[i].Errorf("store %s falls back to itself", s.name))
			case c.store(leg) == nil:
				root.Add(s.fallbackPos[i].Errorf("store %s falls back to unknown store %q%s", s.name, leg, tomltree.Suggest(leg, c.Names())))
			case slices.Contains(s.fallback[:i], leg):
				root.Add(s.fallbackPos[i].Errorf("store %s falls back to %s twice", s.name, leg))
			}
		}
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(*storeTable)
	visit = func(s *storeTable) {
		state[s.name] = visiting
		path = append(path, s.name)
		for i, leg := range s.fallback {
			next := c.store(leg)
			switch {
			case next == nil || next == s || state[leg] == done:
			case state[leg] == visiting:
				circle := append(slices.Clone(path[slices.Index(path, leg):]), leg)
				root.Add(s.fallbackPos[i].Errorf("stores fall back on each other in a circle: %s", strings.Join(circle, " → ")))
			default:
				visit(next)
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

// expand gives a string value with its variables replaced.
func (c *Config) expand(t *tomltree.Table, key string) string {
	s, err := c.expandText(t.String(key))
	if err != nil {
		t.Fail(key, "%s: %w", key, err)
	}
	return s
}

// expandText replaces ${NAME}, ${NAME:-default} and $$.
func (c *Config) expandText(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			s = rest[1:]
			continue
		case !strings.HasPrefix(rest, "{"):
			return "", invalidText("a lone $: write ${NAME} for a variable and $$ for a dollar sign")
		}
		inside, after, closed := strings.Cut(rest[1:], "}")
		name, fallback, hasDefault := strings.Cut(inside, ":-")
		if !closed || !variableName(name) {
			return "", invalidText("a malformed variable: write ${NAME} or ${NAME:-default}")
		}
		value, set := c.getenv(name)
		switch {
		case set && (value != "" || !hasDefault):
			b.WriteString(value)
		case hasDefault:
			b.WriteString(fallback)
		default:
			return "", invalidText("environment variable " + name + " is not set; ${" + name + ":-text} would give a default")
		}
		s = after
	}
}

func variableName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}

// invalidText is a message whose place is added by the caller.
type invalidText string

func (e invalidText) Error() string { return string(e) }

// Is makes it match core.ErrInvalid.
func (invalidText) Is(target error) bool { return target == core.ErrInvalid }
