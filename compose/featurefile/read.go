package featurefile

import (
	"errors"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// read takes the features of one document.
func (f *file) read(root *tomltree.Table) error {
	if features := root.Table("features"); features != nil {
		for _, key := range features.Keys() {
			if t := features.Table(key); t != nil {
				f.specs = append(f.specs, feature(key, t))
				f.places = append(f.places, features.At(key))
			}
		}
	}
	return root.Err()
}

func feature(key string, t *tomltree.Table) core.FeatureSpec {
	s := core.FeatureSpec{
		Key:         core.FeatureKey(key),
		ID:          t.List("id"),
		Description: t.String("description"),
		Metadata:    stringMap(t, "metadata"),
	}
	if len(s.ID) == 0 {
		s.ID = nil // an empty list asks for the default, as none does
	}
	for _, d := range t.Tables("depends_on", "feature") {
		s.Deps = append(s.Deps, dependency(d))
	}
	if cs := t.Table("containers"); cs != nil {
		for _, name := range cs.Keys() {
			s.Containers = append(s.Containers, container(name, cs))
		}
	}
	return s
}

func dependency(t *tomltree.Table) core.Dependency {
	d := core.Dependency{
		Feature:  core.FeatureKey(t.String("feature")),
		Optional: t.Bool("optional"),
		Rename:   stringMap(t, "rename"),
		Select:   t.Strings("select"),
	}
	if d.Feature == "" {
		t.Add(t.Pos.Errorf("a dependency names no feature"))
	}
	if t.Has("where") {
		d.Filter = filter(t, "where")
	}
	grouped := false
	switch v := t.Any("aggregate").(type) {
	case nil:
	case bool: // on the id columns
		grouped = v
	default:
		grouped = true
		if d.On = t.List("aggregate"); len(d.On) == 0 {
			d.On = nil
		}
	}
	expand := t.Bool("expand")
	switch {
	case grouped && expand:
		t.Fail("expand", "a dependency either aggregates (N:1) or expands (1:N)")
	case grouped:
		d.Lineage = core.Aggregation
	case expand:
		d.Lineage = core.Expansion
	}
	return d
}

// filter parses the text of a filter; an error points at its column.
func filter(t *tomltree.Table, key string) expr.Expr {
	text := t.String(key)
	if _, ok := t.Any(key).(string); !ok {
		return nil // already reported
	}
	e, err := expr.Parse(text)
	if err == nil {
		return e
	}
	var place *expr.Error
	if !errors.As(err, &place) {
		t.Fail(key, "%s: %w", key, err)
		return nil
	}
	if pos, exact := t.InValue(key, place.Offset); exact {
		t.Add(pos.Errorf("%s: %s", key, place.Msg))
	} else {
		t.Add(pos.Errorf("%s: %w", key, err))
	}
	return nil
}

// container reads `name = "code"` or a table.
func container(name string, in *tomltree.Table) core.ContainerSpec {
	c := core.ContainerSpec{Name: name}
	if code, ok := in.Any(name).(string); ok {
		c.Code = code
		return c
	}
	t := in.Table(name)
	if t == nil {
		return c
	}
	c.Code = t.String("code")
	from := t.Strings("from")
	c.Independent = from != nil && len(from) == 0
	for i, text := range from {
		key, name, one := strings.Cut(text, ":")
		if one && name == "" {
			t.Add(t.Element("from", i).Errorf("from: %q names no container after the colon", text))
			continue
		}
		if last := len(c.From) - 1; one && last >= 0 && c.From[last].Feature == core.FeatureKey(key) && len(c.From[last].Containers) > 0 {
			c.From[last].Containers = append(c.From[last].Containers, name)
			continue
		}
		s := core.Source{Feature: core.FeatureKey(key)}
		if one {
			s.Containers = []string{name}
		}
		c.From = append(c.From, s)
	}
	return c
}

// stringMap reads a table of strings.
func stringMap(t *tomltree.Table, key string) map[string]string {
	in := t.Table(key)
	if in == nil {
		return nil
	}
	out := map[string]string{}
	for _, k := range in.Keys() {
		out[k] = in.String(k)
	}
	return out
}
