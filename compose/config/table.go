package config

import (
	"context"
	"errors"
	"slices"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// layerTable is the table of a layer.
type layerTable struct {
	*section
	kind LayerKind
}

// readLayer reads a store's table of this kind.
func readLayer(k LayerKind, store *tomltree.Table) (layerTable, bool) {
	s, ok := readSection(k.Table, k.Keys, store)
	return layerTable{s, k}, ok
}

// make builds the layer.
func (l layerTable) make(ctx context.Context, c *Config, env Env) (core.Layer, error) {
	v, err := l.values(c)
	if err != nil {
		return nil, err
	}
	var layer core.Layer
	if l.kind.open != nil {
		layer, err = l.kind.open(ctx, v, env)
	} else {
		layer, err = l.kind.Make(v, env)
	}
	if err != nil {
		return nil, l.located(err)
	}
	return layer, nil
}

// located gives the place of the table to what has none.
func (l layerTable) located(err error) error {
	problems := split(err)
	for i, p := range problems {
		if !hasPlace(p) {
			problems[i] = l.pos.Errorf("%s: %w", l.kind.Table, p)
		}
	}
	return errors.Join(problems...)
}

func hasPlace(err error) bool {
	var at *tomltree.Error
	var where *placed
	return errors.As(err, &at) || errors.As(err, &where)
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
		switch {
		case err != nil:
			return nil, err
		case k.Kind == SecretRef:
			return c.secret(s), nil
		case k.Kind.place() && !isURL(s):
			return c.abs(s), nil
		}
		return value, nil
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
