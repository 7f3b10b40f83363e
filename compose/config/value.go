package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// read gives the value as it is written; a wrong type is noted in t. A text
// with a variable can stand for a value of another kind.
func (k Key) read(t *tomltree.Table) any {
	if s, ok := t.Any(k.Name).(string); ok && (k.Kind == Size || strings.Contains(s, "$")) {
		return s
	}
	switch k.Kind {
	case Flag:
		return t.Bool(k.Name)
	case Number:
		return whole(t, k)
	case Size:
		if _, ok := t.Any(k.Name).(int64); ok {
			return whole(t, k)
		}
		t.Fail(k.Name, `%s: want bytes, such as 1048576 or "256MiB"`, k.Name)
		return ""
	case TextList:
		return t.List(k.Name)
	default:
		return t.String(k.Name)
	}
}

func whole(t *tomltree.Table, k Key) int64 {
	n, ok := t.Int(k.Name)
	if err := k.within(n); ok && err != nil {
		t.Fail(k.Name, "%s: %w", k.Name, err)
	}
	return n
}

// convert makes the value of a string.
func (k Key) convert(s string) (any, error) {
	switch k.Kind {
	case Flag:
		if s != "true" && s != "false" {
			return nil, textError("want true or false")
		}
		return s == "true", nil
	case Number:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, textError("want an integer")
		}
		return n, k.within(n)
	case Duration:
		d, err := time.ParseDuration(s)
		if err != nil {
			return nil, textError(`want a duration such as "1m30s"`)
		}
		return d, k.within(int64(d))
	case Size:
		n, err := parseSize(s)
		if err != nil {
			return nil, err
		}
		return n, k.within(n)
	case TextList:
		return []string{s}, nil
	case SecretRef:
		return s, checkReference(s)
	case Path, File, Source:
		if s == "" {
			return nil, textError("names no file")
		}
		if k.Kind != Source && isURL(s) {
			return nil, textError("want a path, not a URL")
		}
		return s, nil
	case URL:
		if !isURL(s) {
			return nil, textError("want a URL")
		}
		return s, nil
	default:
	}
	if len(k.Choices) > 0 && !slices.Contains(k.Choices, s) {
		return nil, textError("unknown value " + strconv.Quote(s) + tomltree.Suggest(s, k.Choices) + "; there are " + strings.Join(k.Choices, ", "))
	}
	return s, nil
}

func isURL(s string) bool { return strings.Contains(s, "://") }

// within checks a number's range.
func (k Key) within(n int64) error {
	switch {
	case n < 0:
		return textError("want no negative value")
	case n == 0 && k.Positive:
		return textError("want more than zero")
	}
	return nil
}

var sizes = []struct {
	unit  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

func parseSize(s string) (int64, error) {
	if n, ok := sizeOf(s); ok {
		return n, nil
	}
	return 0, textError(`want bytes, such as 1048576 or "256MiB"` + suggestSize(s))
}

func sizeOf(s string) (int64, bool) {
	for _, u := range sizes {
		if number, ok := strings.CutSuffix(s, u.unit); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			bytes := n * float64(u.bytes)
			return int64(bytes), err == nil && bytes >= 0 && bytes < 1<<62
		}
	}
	return 0, false
}

// suggestSize knows what people write instead: 256mb, 1 G, 64MiBs.
func suggestSize(s string) string {
	number := strings.TrimRight(s, "bgikmtsBGIKMTS ")
	unit := strings.TrimRight(strings.TrimSpace(s[len(number):]), "sS")
	for _, u := range sizes {
		if unit == "" || !strings.EqualFold(unit, u.unit) && !strings.EqualFold(unit, strings.TrimSuffix(u.unit, "iB")) {
			continue
		}
		if better := number + u.unit; better != s {
			if _, ok := sizeOf(better); ok {
				return "; did you mean " + strconv.Quote(better) + "?"
			}
		}
		return ""
	}
	return ""
}
