package rbac

import (
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// maxPattern bounds what a rule may hold in one field, so that a policy cannot
// be made to cost more than its number of rules.
const maxPattern = 512

// checkFeaturePattern reports what is wrong with a feature pattern. Parts are
// those of a feature key; "*" stands for one whole part, and "**", at the end
// alone, for one or more parts. There is nothing else, so there is nothing to
// misread.
func checkFeaturePattern(pattern string) error {
	if pattern == "" || len(pattern) > maxPattern {
		return invalidf("a feature pattern of %d bytes", len(pattern))
	}
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		switch {
		case p == "**" && i == len(parts)-1, p == "*":
		case p == "**":
			return invalidf("feature pattern %q: ** stands at the end alone", pattern)
		case strings.Contains(p, "*"):
			return invalidf("feature pattern %q: * stands for a whole part", pattern)
		default:
			if err := core.FeatureKey(literal(p, i)).Validate(); err != nil {
				return fmt.Errorf("feature pattern %q: %w", pattern, err)
			}
		}
	}
	return nil
}

// literal makes a key of one part that is valid where the part is.
func literal(part string, at int) string {
	if at == 0 {
		return part
	}
	return "x/" + part
}

// matchFeature reports whether a valid pattern matches a key.
func matchFeature(key, pattern string) bool {
	for {
		if pattern == "**" {
			return key != ""
		}
		p, restPattern, morePattern := strings.Cut(pattern, "/")
		k, restKey, moreKey := strings.Cut(key, "/")
		if k == "" || p != "*" && p != k || morePattern != moreKey {
			return false
		}
		if !morePattern {
			return true
		}
		pattern, key = restPattern, restKey
	}
}

// covers reports whether every key that the inner pattern matches is matched
// by the outer one.
func covers(outer, inner string) bool {
	for {
		if outer == "**" {
			return true
		}
		if inner == "**" {
			return false
		}
		o, restOuter, moreOuter := strings.Cut(outer, "/")
		i, restInner, moreInner := strings.Cut(inner, "/")
		if o != "*" && o != i || moreOuter != moreInner {
			return false
		}
		if !moreOuter {
			return true
		}
		outer, inner = restOuter, restInner
	}
}

// overlaps reports whether some key is matched by both patterns.
func overlaps(a, b string) bool {
	for {
		if a == "**" || b == "**" {
			return true
		}
		p, restA, moreA := strings.Cut(a, "/")
		q, restB, moreB := strings.Cut(b, "/")
		if p != "*" && q != "*" && p != q || moreA != moreB {
			return false
		}
		if !moreA {
			return true
		}
		a, b = restA, restB
	}
}

// checkColumnPattern reports what is wrong with a column pattern: a name, the
// beginning of names and "*", or "*" for every column.
func checkColumnPattern(pattern string) error {
	if pattern == "" || len(pattern) > maxPattern {
		return invalidf("a column pattern of %d bytes", len(pattern))
	}
	if strings.Contains(strings.TrimSuffix(pattern, "*"), "*") {
		return invalidf("column pattern %q: * stands at the end alone", pattern)
	}
	return checkText("column pattern", pattern)
}

func matchColumn(column, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(column, prefix)
	}
	return column == pattern
}

// nestedIn reports whether a pattern is of fields within the column: "a.b" and
// "a.b*" are within "a", and rules protect nothing smaller than a column.
func nestedIn(column, pattern string) bool {
	top, _, nested := strings.Cut(pattern, ".")
	return nested && top == column
}

// coversColumn is covers for column patterns.
func coversColumn(outer, inner string) bool {
	if prefix, ok := strings.CutSuffix(outer, "*"); ok {
		return strings.HasPrefix(strings.TrimSuffix(inner, "*"), prefix)
	}
	return outer == inner
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{core.ErrInvalid}, args...)...)
}
