package storetest

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// The id columns that features of Graphs have. "g" is an id column of some and
// a user column of the others, so that aggregations can group on it.
var idSets = [][]string{{"a"}, {"a", "b"}, {"b", "a"}, {"g"}}

// Graphs generates sets of two to six features with every kind of dependency:
// 1:1, N:1 and 1:N, required and optional, with renames, filters and
// containers that take from some of the upstream or from nothing.
//
// Every feature's table has the string columns a, b and g, of which some are
// its id columns, and the int64 column n.
func Graphs() *rapid.Generator[*core.Graph] {
	return rapid.Custom(func(rt *rapid.T) *core.Graph {
		var specs []core.FeatureSpec
		var graph *core.Graph
		for i := range rapid.IntRange(2, 6).Draw(rt, "features") {
			key := core.FeatureKey(fmt.Sprintf("f%d", i))
			if i%2 == 1 {
				key = core.FeatureKey(fmt.Sprintf("x/f%d", i))
			}
			spec := feature(rt, key, specs, i > 0)
			g, err := core.NewGraph(append(slices.Clone(specs), spec)...)
			if err != nil { // these dependencies do not fit together: a root instead
				spec = feature(rt, key, nil, false)
				if g, err = core.NewGraph(append(slices.Clone(specs), spec)...); err != nil {
					rt.Fatalf("a root feature is refused: %v", err)
				}
			}
			specs, graph = append(specs, spec), g
		}
		return graph
	})
}

func feature(rt *rapid.T, key core.FeatureKey, known []core.FeatureSpec, deps bool) core.FeatureSpec {
	f := core.FeatureSpec{Key: key, ID: rapid.SampledFrom(idSets).Draw(rt, "ids")}
	if deps {
		for _, at := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(known)-1), 1, min(3, len(known)), rapid.ID[int]).Draw(rt, "upstream") {
			if d, ok := dependency(rt, f.ID, known[at]); ok {
				f.Deps = append(f.Deps, d)
			}
		}
	}
	for i := range rapid.IntRange(1, 3).Draw(rt, "containers") {
		c := core.ContainerSpec{Name: fmt.Sprintf("c%d", i), Code: rapid.SampledFrom([]string{"", "2"}).Draw(rt, "code")}
		switch rapid.IntRange(0, 3).Draw(rt, "inputs") {
		case 0:
			for _, d := range f.Deps {
				at := slices.IndexFunc(known, func(k core.FeatureSpec) bool { return k.Key == d.Feature })
				from := core.Source{Feature: d.Feature}
				for _, up := range known[at].Containers {
					if rapid.Bool().Draw(rt, "from") {
						from.Containers = append(from.Containers, up.Name)
					}
				}
				c.From = append(c.From, from)
			}
		case 1:
			c.Independent = true
		}
		f.Containers = append(f.Containers, c)
	}
	return f
}

// dependency picks the lineage that fits the id columns.
func dependency(rt *rapid.T, ids []string, up core.FeatureSpec) (core.Dependency, bool) {
	d := core.Dependency{Feature: up.Key, Optional: rapid.IntRange(0, 3).Draw(rt, "optional") == 0}
	here, there := len(ids), len(up.ID)
	within := func(some, all []string) bool {
		return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
	}
	switch {
	case within(up.ID, ids) && here == there:
		d.Lineage = core.OneToOne
		if here == 1 && rapid.IntRange(0, 4).Draw(rt, "group of one") == 0 {
			d.Lineage = core.Aggregation
		}
	case within(up.ID, ids):
		d.Lineage = core.Expansion
	default: // every table has all of a, b and g, so any feature can group
		d.Lineage = core.Aggregation
	}
	switch rapid.IntRange(0, 3).Draw(rt, "rename") {
	case 0:
		d.Rename = map[string]string{"n": "m"}
		if rapid.Bool().Draw(rt, "filter") {
			d.Filter = expr.Col("m").Gt(1)
		}
	case 1:
		d.Filter = rapid.SampledFrom([]expr.Expr{
			expr.Col("n").Ge(1), expr.Not(expr.Col("n").Eq(2)), expr.Col("g").In("g0", "g1"), expr.Col("data_version.c0").Ne("v1"),
		}).Draw(rt, "where")
	}
	return d, true
}
