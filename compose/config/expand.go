package config

import (
	"regexp"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

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
			return "", textError("a lone $: write ${NAME} for a variable and $$ for a dollar sign")
		}
		inside, after, closed := strings.Cut(rest[1:], "}")
		name, fallback, hasDefault := strings.Cut(inside, ":-")
		if !closed || !variableName(name) {
			return "", textError("a malformed variable: write ${NAME} or ${NAME:-default}")
		}
		value, set := c.getenv(name)
		switch {
		case set && (value != "" || !hasDefault):
			b.WriteString(value)
		case hasDefault:
			b.WriteString(fallback)
		default:
			return "", textError("environment variable " + name + " is not set; ${" + name + ":-text} would give a default")
		}
		s = after
	}
}

// variables matches those without a default, and dollar signs that begin none.
var variables = regexp.MustCompile(`\$\$|\$\{([A-Za-z0-9_]+)\}`)

func variableName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}

// textError is a message whose place is added by the caller.
type textError string

func (e textError) Error() string { return string(e) }

// Is makes it match core.ErrInvalid.
func (textError) Is(target error) bool { return target == core.ErrInvalid }
