// Package oracle answers a resolve over plain Go values, one row at a time and
// without sharing code with the engines. Tests compare engines with it, so it
// is short and slow on purpose.
package oracle

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// Row is one live sample. Values are string, int64 or nil, by column; Versions
// lacks a container that is null.
type Row struct {
	Values   map[string]any
	Versions map[string]string
}

// World is everything that a resolve sees.
type World struct {
	Plan *core.Plan
	// Tables holds the live rows of each upstream, with its own column names.
	// A feature that was never written has no entry.
	Tables map[core.FeatureKey][]Row
	// Keep is the dependency's filter, over the upstream's own names.
	Keep map[core.FeatureKey]func(Row) bool
	Held []Row
	// Samples is what a root feature should hold.
	Samples []Row
	// Restrict is the request's filter; nil keeps all.
	Restrict func(values map[string]any) bool
}

// Answer holds samples by the text of their ids, see Text.
type Answer struct {
	New, Stale        map[string]map[string]string // computed versions
	By                map[string][]string          // stale: the containers that differ, in the plan's order
	Orphaned, Missing []string                     // sorted
	Unchanged         int
}

// Resolve answers. A required upstream that is not there is ErrDependency.
func Resolve(w World) (Answer, error) {
	p := w.Plan
	a := Answer{New: map[string]map[string]string{}, Stale: map[string]map[string]string{}, By: map[string][]string{}}
	keep := w.Restrict
	if keep == nil {
		keep = func(map[string]any) bool { return true }
	}
	expected := map[string]map[string]string{}
	if p.Root() {
		for _, s := range w.Samples {
			if keep(s.Values) {
				expected[Text(s.Values, p.ResolveKey)] = s.Versions
			}
		}
	} else {
		groups, err := read(w)
		if err != nil {
			return a, err
		}
		for text, ids := range candidates(p, groups) {
			if !keep(ids) {
				continue
			}
			if versions, ok := compute(p, groups, ids); ok {
				expected[text] = versions
			} else {
				a.Missing = append(a.Missing, text)
			}
		}
	}
	met := map[string]map[string]bool{} // sample: containers that differ
	for _, h := range w.Held {
		if !keep(h.Values) {
			continue
		}
		text := Text(h.Values, p.ResolveKey)
		want, ok := expected[text]
		if !ok {
			a.Orphaned = append(a.Orphaned, Text(h.Values, p.Feature.ID))
			continue
		}
		if met[text] == nil {
			met[text] = map[string]bool{}
		}
		for _, c := range p.ContainerNames() {
			if got, there := h.Versions[c]; !there || got != want[c] {
				met[text][c] = true
			}
		}
	}
	for text, want := range expected {
		differs, held := met[text]
		switch {
		case !held:
			a.New[text] = want
		case len(differs) == 0:
			a.Unchanged++
		default:
			a.Stale[text] = want
			for _, c := range p.ContainerNames() {
				if differs[c] {
					a.By[text] = append(a.By[text], c)
				}
			}
		}
	}
	slices.Sort(a.Orphaned)
	slices.Sort(a.Missing)
	return a, nil
}

// group is the rows of an upstream that agree on its key, with the names here.
type group struct {
	ids  map[string]any
	rows []Row // in the order of the upstream's ids
}

// read groups each upstream's rows by the text of its key.
func read(w World) ([]map[string]group, error) {
	var all []map[string]group
	for _, u := range w.Plan.Upstream {
		table, there := w.Tables[u.Feature]
		if !there && !u.Optional {
			return nil, fmt.Errorf("%w: %s", core.ErrDependency, u.Feature)
		}
		groups := map[string]group{}
		for _, r := range table {
			if f := w.Keep[u.Feature]; f != nil && !f(r) {
				continue
			}
			ids, null := map[string]any{}, false
			for _, k := range u.Key {
				ids[k] = r.Values[u.Original(k)]
				null = null || ids[k] == nil
			}
			if null {
				continue
			}
			g := groups[Text(ids, u.Key)]
			g.ids, g.rows = ids, append(g.rows, r)
			groups[Text(ids, u.Key)] = g
		}
		for _, g := range groups {
			slices.SortFunc(g.rows, func(a, b Row) int { return cmp.Compare(Text(a.Values, u.ID), Text(b.Values, u.ID)) })
		}
		all = append(all, groups)
	}
	return all, nil
}

// candidates is the union of what the required deciding upstreams have, or of
// all deciding ones when none is required.
func candidates(p *core.Plan, groups []map[string]group) map[string]map[string]any {
	out := map[string]map[string]any{}
	anyRequired := slices.ContainsFunc(p.Upstream, func(u core.UpstreamPlan) bool { return p.Drives(u) && !u.Optional })
	for i, u := range p.Upstream {
		if p.Drives(u) && (!anyRequired || !u.Optional) {
			for text, g := range groups[i] {
				out[text] = g.ids
			}
		}
	}
	return out
}

// compute gives a sample's versions, unless it lacks a required upstream.
func compute(p *core.Plan, groups []map[string]group, ids map[string]any) (map[string]string, bool) {
	upstream := map[core.ContainerRef]string{}
	for i, u := range p.Upstream {
		g, ok := groups[i][Text(ids, u.Key)]
		if !ok {
			if !u.Optional {
				return nil, false
			}
			continue
		}
		for _, c := range u.Containers {
			version := g.rows[0].Versions[c]
			if u.Lineage == core.Aggregation {
				var parts []string
				for _, r := range g.rows {
					parts = append(parts, escape(r.Versions[c]))
				}
				version = hash(strings.Join(parts, "|"))
			}
			upstream[core.ContainerRef{Feature: u.Feature, Container: c}] = version
		}
	}
	out := map[string]string{}
	for _, c := range p.Containers {
		inputs := map[[2]string]string{}
		for _, in := range c.Inputs {
			inputs[[2]string{strings.ReplaceAll(string(in.Feature), "/", "."), in.Container}] = upstream[in]
		}
		text := c.Name + "|" + c.Code
		for _, k := range slices.SortedFunc(maps.Keys(inputs), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			text += "|" + k[0] + "/" + k[1] + "|" + escape(inputs[k])
		}
		out[c.Name] = hash(text)
	}
	return out, true
}

// Text is the canonical text of the ids in these columns.
func Text(values map[string]any, columns []string) string {
	if len(columns) == 1 {
		return fmt.Sprint(values[columns[0]])
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, escape(fmt.Sprint(values[c])))
	}
	return strings.Join(parts, "|")
}

func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(s) }

func hash(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
