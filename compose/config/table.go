package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// layerTable is a layer's table as written: its variables are replaced when the
// store is opened.
type layerTable struct {
	kind LayerKind
	path string
	pos  tomltree.Pos
	off  bool // written as false: an inherited layer is left out
	raw  map[string]any
	at   map[string]tomltree.Pos
}

// readLayer reads a store's table of this kind. The word true stands for an
// empty table, false for none.
func readLayer(k LayerKind, store *tomltree.Table) (layerTable, bool) {
	if !store.Has(k.Table) {
		return layerTable{}, false
	}
	l := layerTable{kind: k, path: store.Path + "." + k.Table, pos: store.At(k.Table), raw: map[string]any{}, at: map[string]tomltree.Pos{}}
	if on, ok := store.Any(k.Table).(bool); ok {
		l.off = !on
		return l, true
	}
	t := store.Table(k.Table)
	if t == nil {
		return layerTable{}, false
	}
	l.pos = t.Pos
	for _, key := range k.Keys {
		if !t.Has(key.Name) {
			continue
		}
		l.at[key.Name] = t.At(key.Name)
		l.raw[key.Name] = key.read(t)
		// What holds no variable is checked now.
		if s, ok := l.raw[key.Name].(string); ok && !strings.Contains(s, "$") && isText(t.Any(key.Name)) {
			if _, err := key.convert(s); err != nil {
				t.Fail(key.Name, "%s: %w", key.Name, err)
			}
		}
	}
	return l, true
}

func isText(v any) bool { _, ok := v.(string); return ok }

// inherit fills in the keys that this table lacks.
func (l layerTable) inherit(base layerTable) layerTable {
	if l.off {
		return l
	}
	raw, at := maps.Clone(base.raw), maps.Clone(base.at)
	maps.Copy(raw, l.raw)
	maps.Copy(at, l.at)
	l.raw, l.at = raw, at
	return l
}

// lacks reports required keys that stand nowhere.
func (l layerTable) lacks() []error {
	var errs []error
	for _, k := range l.kind.Keys {
		if _, ok := l.raw[k.Name]; !ok && k.Required && !l.off {
			errs = append(errs, l.pos.Errorf("[%s] lacks %s: %s", l.path, k.Name, k.Doc))
		}
	}
	return errs
}

// make builds the layer.
func (l layerTable) make(c *Config, env Env) (core.Layer, error) {
	v := Values{of: map[string]any{}, written: map[string]bool{}}
	for _, k := range l.kind.Keys {
		raw, ok := l.raw[k.Name]
		v.written[k.Name] = ok
		if !ok {
			if k.Default == "" {
				continue
			}
			raw = k.Default
		}
		value, err := c.value(k, raw)
		if err != nil {
			return nil, l.at[k.Name].Errorf("%s: %w", k.Name, err)
		}
		v.of[k.Name] = value
	}
	layer, err := l.kind.Make(v, env)
	if err != nil {
		return nil, l.pos.Errorf("%s: %w", l.kind.Table, err)
	}
	return layer, nil
}

// value replaces variables and converts.
func (c *Config) value(k Key, raw any) (any, error) {
	switch raw := raw.(type) {
	case string:
		s, err := c.expandText(raw)
		if err != nil {
			return nil, err
		}
		value, err := k.convert(s)
		if err != nil || k.Kind != SecretRef {
			return value, err
		}
		return c.secret(s), nil
	case []string:
		list := slices.Clone(raw)
		for i, s := range list {
			var err error
			if list[i], err = c.expandText(s); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return raw, nil
}

// texts lists the strings of the table that may hold variables.
func (l layerTable) texts() []string {
	var out []string
	if l.off {
		return nil
	}
	for _, k := range l.kind.Keys {
		switch raw := l.raw[k.Name].(type) {
		case string:
			out = append(out, raw)
		case []string:
			out = append(out, raw...)
		}
	}
	return out
}

// references lists the secrets that the table refers to.
func (l layerTable) references() []string {
	var out []string
	for _, k := range l.kind.Keys {
		if ref, ok := l.raw[k.Name].(string); ok && k.Kind == SecretRef && !l.off {
			out = append(out, ref)
		}
	}
	return out
}
