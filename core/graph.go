package core

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/version"
)

// Graph is a validated set of features. It is immutable and safe for
// concurrent use.
type Graph struct {
	specs map[FeatureKey]FeatureSpec
	order []FeatureKey // upstream before downstream, ties by key
	plans map[FeatureKey]*Plan
}

// NewGraph validates the features together: every mistake is reported, each
// with its culprit, and each matches ErrInvalid.
func NewGraph(features ...FeatureSpec) (*Graph, error) {
	g := &Graph{specs: map[FeatureKey]FeatureSpec{}, plans: map[FeatureKey]*Plan{}}
	var errs []error
	for _, f := range features {
		f = f.withDefaults()
		if _, twice := g.specs[f.Key]; twice {
			errs = append(errs, invalidf("feature %s is declared twice", printable(f.Key)))
			continue
		}
		errs = append(errs, f.check()...)
		g.specs[f.Key] = f
	}
	for _, key := range slices.Sorted(maps.Keys(g.specs)) {
		errs = append(errs, g.checkUpstream(g.specs[key])...)
	}
	errs = append(errs, g.sort()...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, key := range g.order {
		plan, mistakes := g.plan(g.specs[key])
		g.plans[key] = plan
		errs = append(errs, mistakes...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, key := range g.order {
		g.version(g.plans[key])
	}
	return g, nil
}

// Plan gives what a store needs for key. An undeclared feature is ErrInvalid,
// with the nearest declared one in the text.
func (g *Graph) Plan(key FeatureKey) (*Plan, error) {
	if p, ok := g.plans[key]; ok {
		return p, nil
	}
	return nil, invalidf("feature %s is not declared%s", printable(key), suggest(string(key), keyStrings(g.order)))
}

// Feature gives the declaration of key, with defaults filled in.
func (g *Graph) Feature(key FeatureKey) (FeatureSpec, bool) {
	f, ok := g.specs[key]
	return f.withDefaults(), ok
}

// Keys lists the features, upstream before downstream, ties in key order.
func (g *Graph) Keys() []FeatureKey { return slices.Clone(g.order) }

// Upstream lists the features that key depends on directly, in key order.
func (g *Graph) Upstream(key FeatureKey) []FeatureKey {
	var keys []FeatureKey
	for _, d := range g.specs[key].Deps {
		keys = append(keys, d.Feature)
	}
	slices.Sort(keys)
	return keys
}

// Downstream lists the features that depend on key directly, in key order.
func (g *Graph) Downstream(key FeatureKey) []FeatureKey {
	var keys []FeatureKey
	for k, f := range g.specs {
		if f.dependsOn(key) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Descendants lists every feature downstream of key, upstream first.
func (g *Graph) Descendants(key FeatureKey) []FeatureKey {
	reached := map[FeatureKey]bool{key: true}
	var keys []FeatureKey
	for _, k := range g.order {
		for _, d := range g.specs[k].Deps {
			if reached[d.Feature] && !reached[k] {
				reached[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// sort orders the features topologically; each cycle is named in full.
func (g *Graph) sort() (cycles []error) {
	const visiting, done = 1, 2
	state := map[FeatureKey]int{}
	var path []FeatureKey
	var visit func(FeatureKey)
	visit = func(k FeatureKey) {
		if _, known := g.specs[k]; !known || state[k] == done {
			return
		}
		if state[k] == visiting {
			cycle := append(slices.Clone(path[slices.Index(path, k):]), k)
			cycles = append(cycles, invalidf("features depend on each other in a circle: %s", joinKeys(cycle, " → ")))
			return
		}
		state[k] = visiting
		path = append(path, k)
		for _, d := range g.Upstream(k) {
			visit(d)
		}
		path = path[:len(path)-1]
		state[k] = done
		g.order = append(g.order, k)
	}
	for _, k := range slices.Sorted(maps.Keys(g.specs)) {
		visit(k)
	}
	return cycles
}

// plan spells out how one feature meets its upstream.
func (g *Graph) plan(f FeatureSpec) (p *Plan, errs []error) {
	p = &Plan{Feature: f, valid: true}
	for _, d := range f.Deps {
		u, err := joinPlan(f, d, g.specs[d.Feature])
		if err != nil {
			errs = append(errs, err)
		}
		p.Upstream = append(p.Upstream, u)
	}
	if len(errs) == 0 {
		if err := p.setResolveKey(); err != nil {
			errs = append(errs, err)
		}
	}
	return p, errs
}

// version completes a plan whose upstream has been completed.
func (g *Graph) version(p *Plan) {
	for _, c := range p.Feature.Containers {
		p.Containers = append(p.Containers, g.containerPlan(p.Feature, c))
	}
	p.Version = featureVersion(p)
}

// containerPlan resolves what a container depends on and its static version.
func (g *Graph) containerPlan(f FeatureSpec, c ContainerSpec) ContainerPlan {
	from := c.From
	if len(from) == 0 && !c.Independent {
		for _, d := range f.Deps {
			from = append(from, Source{Feature: d.Feature})
		}
	}
	cp := ContainerPlan{Name: c.Name, Code: c.Code}
	for _, s := range from {
		names := s.Containers
		if len(names) == 0 {
			names = g.specs[s.Feature].containerNames()
		}
		for _, n := range names {
			cp.Inputs = append(cp.Inputs, ContainerRef{Feature: s.Feature, Container: n})
		}
	}
	slices.SortFunc(cp.Inputs, func(a, b ContainerRef) int {
		return cmp.Or(cmp.Compare(a.Feature.Dotted(), b.Feature.Dotted()), cmp.Compare(a.Container, b.Container))
	})
	cp.Inputs = slices.Compact(cp.Inputs)

	versions := make([][]byte, len(cp.Inputs))
	for i, in := range cp.Inputs {
		up := g.plans[in.Feature]
		at := slices.IndexFunc(up.Containers, func(c ContainerPlan) bool { return c.Name == in.Container })
		versions[i] = []byte(up.Containers[at].Version)
	}
	cp.Version = string(version.SHA256.Compile(cp.spec()).Append(nil, versions))
	return cp
}

// spec is the container as a version scheme sees it.
func (c ContainerPlan) spec() version.Container {
	vc := version.Container{Name: c.Name, Code: c.Code}
	for _, in := range c.Inputs {
		vc.Inputs = append(vc.Inputs, version.Input{Feature: in.Feature.Dotted(), Container: in.Container})
	}
	return vc
}

// VersionSpec is the container as core/version compiles it.
func (c ContainerPlan) VersionSpec() version.Container { return c.spec() }

// featureVersion hashes the containers' versions, in the order of their names,
// with the construction that data versions use.
func featureVersion(p *Plan) string {
	cs := slices.SortedFunc(slices.Values(p.Containers), func(a, b ContainerPlan) int { return cmp.Compare(a.Name, b.Name) })
	vc := version.Container{Name: p.Feature.Key.Dotted(), Code: version.SHA256.Name()}
	versions := make([][]byte, len(cs))
	for i, c := range cs {
		vc.Inputs = append(vc.Inputs, version.Input{Feature: p.Feature.Key.Dotted(), Container: c.Name})
		versions[i] = []byte(c.Version)
	}
	return string(version.SHA256.Compile(vc).Append(nil, versions))
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

func suggest(name string, candidates []string) string {
	if near, ok := expr.Nearest(name, candidates); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
