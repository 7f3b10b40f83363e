package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// LayerKind is a layer that a table of a store configures: [stores.dev.NAME].
// A new layer is one more value: its keys are data, so that checking, messages
// and documentation come by themselves.
type LayerKind struct {
	Table string // the table's name, such as "logging"
	Keys  []Key
	Make  func(v Values, env Env) (core.Layer, error)
}

// Key is a key of a layer's table.
type Key struct {
	Name     string
	Kind     Kind
	Default  string   // as it would be written in the file; "" is the kind's zero value
	Choices  []string // what a Text may be; none means anything
	Required bool
	Doc      string // one line for people
}

// Kind is the type of a key's value.
type Kind uint8

// The kinds.
const (
	Text     Kind = iota // a string
	Flag                 // true or false
	Number               // an integer
	Duration             // a string such as "1m30s"
	Size                 // an integer of bytes, or a string such as "256MiB"
	TextList             // a list of strings
)

// Env is what a layer may need beside its table.
type Env struct {
	Store  string // the name of the store
	Dir    string // of the file, for relative paths
	Logger *zap.Logger
}

// Values are a layer's checked values, defaults filled in.
type Values struct{ of map[string]any }

// Text gives a string.
func (v Values) Text(key string) string { s, _ := v.of[key].(string); return s }

// Flag gives a boolean.
func (v Values) Flag(key string) bool { b, _ := v.of[key].(bool); return b }

// Number gives an integer, and the bytes of a Size.
func (v Values) Number(key string) int64 { n, _ := v.of[key].(int64); return n }

// Duration gives a duration.
func (v Values) Duration(key string) time.Duration { d, _ := v.of[key].(time.Duration); return d }

// TextList gives a list.
func (v Values) TextList(key string) []string { l, _ := v.of[key].([]string); return l }

// layerTable is a layer's table as written: its variables are replaced when the
// store is opened.
type layerTable struct {
	kind LayerKind
	pos  tomltree.Pos
	raw  map[string]any
	at   map[string]tomltree.Pos
}

func readLayer(k LayerKind, t *tomltree.Table) layerTable {
	l := layerTable{kind: k, pos: t.Pos, raw: map[string]any{}, at: map[string]tomltree.Pos{}}
	for _, key := range k.Keys {
		if !t.Has(key.Name) {
			if key.Required {
				t.Add(t.Pos.Errorf("[%s] lacks %s: %s", t.Path, key.Name, key.Doc))
			}
			continue
		}
		l.at[key.Name] = t.At(key.Name)
		l.raw[key.Name] = key.read(t)
		// What holds no variable is checked now.
		if s, ok := l.raw[key.Name].(string); ok && !strings.Contains(s, "$") {
			if _, err := key.convert(s); err != nil {
				t.Fail(key.Name, "%s: %w", key.Name, err)
			}
		}
	}
	return l
}

// read gives the value as it is written; a wrong type is noted in t.
func (k Key) read(t *tomltree.Table) any {
	switch k.Kind {
	case Flag:
		return t.Bool(k.Name)
	case Number:
		n, _ := t.Int(k.Name)
		return n
	case Size:
		if n, ok := t.Any(k.Name).(int64); ok {
			return n
		}
		return t.String(k.Name)
	case TextList:
		return t.List(k.Name)
	}
	return t.String(k.Name)
}

// convert makes the value of a string.
func (k Key) convert(s string) (any, error) {
	switch k.Kind {
	case Flag:
		return s == "true", nil
	case Number:
		return strconv.ParseInt(s, 10, 64)
	case Duration:
		if s == "" {
			return time.Duration(0), nil
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return nil, invalidText(`want a duration such as "1m30s"`)
		}
		return d, nil
	case Size:
		return parseSize(s)
	case TextList:
		return []string{s}, nil
	}
	if len(k.Choices) > 0 && !slices.Contains(k.Choices, s) {
		return nil, invalidText("unknown value " + strconv.Quote(s) + tomltree.Suggest(s, k.Choices) + "; there are " + strings.Join(k.Choices, ", "))
	}
	return s, nil
}

// make builds the layer.
func (l layerTable) make(c *Config, env Env) (core.Layer, error) {
	v := Values{of: map[string]any{}}
	for _, k := range l.kind.Keys {
		raw, set := l.raw[k.Name]
		if !set {
			if k.Default == "" {
				continue
			}
			raw = k.Default
		}
		if s, ok := raw.(string); ok {
			s, err := c.expandText(s)
			if err == nil {
				raw, err = k.convert(s)
			}
			if err != nil {
				return nil, l.at[k.Name].Errorf("%s: %w", k.Name, err)
			}
		}
		if list, ok := raw.([]string); ok {
			list = slices.Clone(list)
			for i, s := range list {
				var err error
				if list[i], err = c.expandText(s); err != nil {
					return nil, l.at[k.Name].Errorf("%s: %w", k.Name, err)
				}
			}
			raw = list
		}
		v.of[k.Name] = raw
	}
	layer, err := l.kind.Make(v, env)
	if err != nil {
		return nil, l.pos.Errorf("%s: %w", l.kind.Table, err)
	}
	return layer, nil
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
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

func parseSize(s string) (int64, error) {
	for _, u := range sizes {
		if number, ok := strings.CutSuffix(s, u.unit); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if bytes := n * float64(u.bytes); err == nil && bytes >= 0 && bytes < 1<<62 {
				return int64(bytes), nil
			}
			break
		}
	}
	return 0, invalidText(`want bytes, such as 1048576 or "256MiB"`)
}
