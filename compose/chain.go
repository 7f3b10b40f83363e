package compose

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// slot is a layer with what it said of itself, asked once.
type slot struct {
	layer core.Layer
	info  core.LayerInfo
}

// chain is a stack about to be built. Where the base is a stack too, its
// layers count: a rule that held only for one half would not hold.
type chain struct {
	own     []slot           // outermost first
	below   core.Description // of the base
	base    core.Store
	name    string
	backend string
	missing []string // layers that are nil
	accepts *acceptance
}

func describe(base core.Store, c config) chain {
	d := chain{
		base: base, below: core.DescribeStore(base), name: c.name, backend: c.backend,
		accepts: newAcceptance(c.accepted),
	}
	for i, l := range c.layers {
		if isNil(l) {
			d.missing = append(d.missing, fmt.Sprintf("layer %d of %d is nil", i+1, len(c.layers)))
			continue
		}
		d.own = append(d.own, slot{l, l.Info()})
	}
	slices.SortStableFunc(d.own, func(a, b slot) int { return place(a) - place(b) })
	return d
}

// place sorts by phase; a phase that does not exist comes last.
func place(s slot) int {
	if s.info.Phase.Valid() {
		return int(s.info.Phase)
	}
	return 1 << 8
}

// all gives every layer from the outside to the storage.
func (c *chain) all() []core.LayerInfo {
	var out []core.LayerInfo
	for _, s := range c.own {
		out = append(out, s.info)
	}
	return append(out, c.below.Layers...)
}

// holders are the layers that hold other stores.
func (c *chain) holders() []core.Holder {
	var out []core.Holder
	for _, s := range c.own {
		if h, ok := s.layer.(core.Holder); ok {
			out = append(out, h)
		}
	}
	return out
}

func (c *chain) description() core.Description {
	d := core.Description{Name: c.name, Backend: c.backend, Layers: c.all(), Accepted: maps.Clone(c.below.Accepted)}
	if d.Name == "" {
		d.Name = c.below.Name
	}
	if d.Backend == "" {
		d.Backend = c.below.Backend
	}
	for rule, reason := range c.accepts.reasons {
		if d.Accepted == nil {
			d.Accepted = map[string]string{}
		}
		d.Accepted[string(rule)] = reason
	}
	return d
}

// isNil sees a nil pointer inside an interface too.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Chan, reflect.Slice, reflect.Interface:
		return r.IsNil()
	default:
		return false
	}
}
