package core

import (
	"slices"
	"strings"
)

// check reports what is wrong with a declaration on its own.
func (f FeatureSpec) check() (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, invalidf("feature %s: "+format, append([]any{printable(f.Key)}, args...)...))
	}
	if err := f.Key.Validate(); err != nil {
		return []error{err}
	}
	seen := map[string]bool{}
	for _, id := range f.ID {
		switch {
		case id == "" || strings.ContainsRune(id, 0):
			bad("id column %q is not a column name", id)
		case id == ColDataVersion || IsReserved(id):
			bad("id column %q has a reserved name", id)
		case seen[id]:
			bad("id column %q is listed twice", id)
		}
		seen[id] = true
	}
	clear(seen)
	for _, c := range f.Containers {
		if err := checkContainer(c.Name); err != nil {
			errs = append(errs, invalidf("feature %s: %w", f.Key, err))
		}
		if seen[c.Name] {
			bad("container %q is declared twice", c.Name)
		}
		seen[c.Name] = true
		if c.Independent && len(c.From) > 0 {
			bad("container %q depends on nothing and on %s", c.Name, c.From[0].Feature)
		}
	}
	clear(seen)
	for _, d := range f.Deps {
		if seen[string(d.Feature)] {
			bad("depends on %s twice; one dependency can feed several containers", printable(d.Feature))
		}
		seen[string(d.Feature)] = true
		f.checkDependency(d, bad)
	}
	return errs
}

func (f FeatureSpec) checkDependency(d Dependency, bad func(string, ...any)) {
	if err := d.Feature.Validate(); err != nil {
		bad("dependency: %w", err)
	}
	to := map[string]string{}
	for from, name := range d.Rename {
		switch {
		case IsReserved(from) || from == ColDataVersion || IsReserved(name) || name == ColDataVersion:
			bad("dependency %s: the system column in rename %q → %q cannot be renamed", d.Feature, from, name)
		case name == "" || from == "":
			bad("dependency %s: rename %q → %q lacks a name", d.Feature, from, name)
		case to[name] != "":
			bad("dependency %s: both %q and %q are renamed to %q", d.Feature, min(to[name], from), max(to[name], from), name)
		}
		to[name] = from
	}
	if d.Lineage > Expansion {
		bad("dependency %s: unknown lineage %d", d.Feature, d.Lineage)
	}
	if d.Lineage != Aggregation && len(d.On) > 0 {
		bad("dependency %s: only an aggregation groups on columns", d.Feature)
	}
}

// checkUpstream reports what is wrong between a declaration and the others.
func (g *Graph) checkUpstream(f FeatureSpec) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, invalidf("feature %s: "+format, append([]any{printable(f.Key)}, args...)...))
	}
	for _, d := range f.Deps {
		if _, ok := g.specs[d.Feature]; !ok {
			var known []string
			for k := range g.specs {
				known = append(known, string(k))
			}
			slices.Sort(known)
			bad("depends on unknown feature %s%s", printable(d.Feature), suggest(string(d.Feature), known))
		}
	}
	for _, c := range f.Containers {
		for _, s := range c.From {
			if !f.dependsOn(s.Feature) {
				bad("container %q takes from %s, which is not among the feature's dependencies", c.Name, printable(s.Feature))
				continue
			}
			up, ok := g.specs[s.Feature]
			if !ok {
				continue
			}
			for _, name := range s.Containers {
				if _, ok := up.container(name); !ok {
					bad("container %q takes from unknown container %q of %s%s", c.Name, name, up.Key, suggest(name, up.containerNames()))
				}
			}
		}
	}
	return errs
}

// joinPlan decides on which columns an upstream meets the feature.
func joinPlan(f FeatureSpec, d Dependency, up FeatureSpec) (UpstreamPlan, error) {
	u := UpstreamPlan{Dependency: d, ID: slices.Clone(up.ID), Containers: up.containerNames()}
	ids := make([]string, len(up.ID))
	for i, id := range up.ID {
		ids[i] = d.renamed(id)
	}
	for from, to := range d.Rename {
		if !slices.Contains(up.ID, from) && slices.Contains(ids, to) {
			return u, invalidf("feature %s: dependency %s: rename %q → %q hides an id column", f.Key, d.Feature, from, to)
		}
	}
	key := ids
	if d.Lineage == Aggregation {
		key = d.On
		if len(key) == 0 {
			key = f.ID
		}
	}
	for _, c := range key {
		if slices.Contains(f.ID, c) {
			continue
		}
		if d.Lineage == Aggregation {
			return u, invalidf("feature %s: dependency %s: aggregation on %q, which is not an id column here (%s)", f.Key, d.Feature, c, strings.Join(f.ID, ", "))
		}
		return u, invalidf("feature %s: dependency %s has id column %q, which is not one here (%s): rename it or aggregate",
			f.Key, d.Feature, c, strings.Join(f.ID, ", "))
	}
	// The feature's own order, so that every store joins and prints alike.
	for _, id := range f.ID {
		if slices.Contains(key, id) {
			u.Key = append(u.Key, id)
		}
	}
	if d.Lineage == OneToOne && len(u.Key) < len(f.ID) {
		return u, invalidf("feature %s: dependency %s lacks id column %q: declare it with Expand (1:N)", f.Key, d.Feature, missing(f.ID, u.Key))
	}
	if d.Lineage == Expansion && len(u.Key) == len(f.ID) {
		return u, invalidf("feature %s: dependency %s is declared 1:N and has the same id columns: nothing expands", f.Key, d.Feature)
	}
	return u, nil
}

// setResolveKey joins the keys of all upstreams; one of them must have it all.
func (p *Plan) setResolveKey() error {
	if p.Root() {
		p.ResolveKey = p.Feature.ID
		return nil
	}
	for _, id := range p.Feature.ID {
		if slices.ContainsFunc(p.Upstream, func(u UpstreamPlan) bool { return slices.Contains(u.Key, id) }) {
			p.ResolveKey = append(p.ResolveKey, id)
		}
	}
	if !slices.ContainsFunc(p.Upstream, p.Drives) {
		return invalidf("feature %s: no dependency has all of %s, so its samples are not determined", p.Feature.Key, strings.Join(p.ResolveKey, ", "))
	}
	return nil
}

// missing gives the first of all that is not in some.
func missing(all, some []string) string {
	for _, a := range all {
		if !slices.Contains(some, a) {
			return a
		}
	}
	return ""
}

func joinKeys(keys []FeatureKey, sep string) string { return strings.Join(keyStrings(keys), sep) }

func keyStrings(keys []FeatureKey) []string {
	s := make([]string, len(keys))
	for i, k := range keys {
		s[i] = string(k)
	}
	return s
}
