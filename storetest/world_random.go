package storetest

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest/internal/naive"
)

// world is a random graph, a store, and what the store must hold.
type world struct {
	e     *env
	rt    *rapid.T
	s     core.Store
	graph *core.Graph
	held  map[core.FeatureKey]map[string]naive.Row // live rows by id
}

func newWorld(e *env, rt *rapid.T, s core.Store) *world {
	return &world{e: e, rt: rt, s: s, graph: Graphs().Draw(rt, "graph"), held: map[core.FeatureKey]map[string]naive.Row{}}
}

// worldSchema is the table of a feature of Graphs.
func worldSchema(containers []string) *arrow.Schema {
	text := arrow.BinaryTypes.String
	return arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: text},
		{Name: "b", Type: text},
		{Name: "g", Type: text},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType(containers)},
	}, nil)
}

// edit changes one feature at random: rows with new or old versions, tombstones,
// or (downstream) what a resolve says, all of it or a part.
func (w *world) edit() {
	key := rapid.SampledFrom(w.graph.Keys()).Draw(w.rt, "feature")
	p := planIn(w.graph, key)
	switch rapid.IntRange(0, 5).Draw(w.rt, "edit") {
	case 0:
		w.retire(p)
	case 1, 2, 3:
		if !p.Root() {
			w.follow(p)
			return
		}
		w.random(p)
	default:
		w.random(p)
	}
}

func draw[T any](w *world, what string, from ...T) T { return rapid.SampledFrom(from).Draw(w.rt, what) }

// random writes a few rows with random versions.
func (w *world) random(p *core.Plan) {
	var rows []naive.Row
	for range rapid.IntRange(0, 5).Draw(w.rt, "rows") {
		r := naive.Row{Versions: map[string]string{}, Cells: map[string]any{
			"a": draw(w, "a", "a0", "a1", "a|2", `a\3`), "b": draw(w, "b", "b0", "b1", ""), "g": draw(w, "g", "g0", "g1", "ä"),
			"n": draw[any](w, "n", int64(0), int64(1), int64(2), nil),
		}}
		for _, c := range p.ContainerNames() {
			r.Versions[c] = draw(w, "version", "v1", "v2", "v|3", `v\4`, "")
		}
		rows = append(rows, r)
	}
	w.write(p, rows, nil)
}

// follow writes what resolve says: versions as computed, some rows or all.
func (w *world) follow(p *core.Plan) {
	inc, err := w.s.Resolve(w.e.ctx(), core.ResolveRequest{Plan: p})
	if err != nil {
		return // the check that comes after each edit judges it
	}
	most := draw(w, "how many", 0, 1, 2, 1000, 1000)
	var rows []naive.Row
	for _, part := range []core.Rows{inc.New, inc.Stale} {
		got, err := w.rows(part)
		if err != nil {
			w.rt.Fatalf("resolve of %s: %v", p.Key(), err)
		}
		for _, r := range got[:min(most, len(got))] {
			rows = append(rows, w.complete(p, r)...)
		}
	}
	w.write(p, rows, inc.Basis)
}

// complete gives a resolved sample the columns that it lacks; where one row
// stands for many samples, those held and one more.
func (w *world) complete(p *core.Plan, r naive.Row) []naive.Row {
	var out []naive.Row
	if p.Expands() {
		for _, h := range w.held[p.Key()] {
			if !slices.ContainsFunc(p.ResolveKey, func(k string) bool { return h.Cells[k] != r.Cells[k] }) {
				out = append(out, naive.Row{Cells: h.Cells, Versions: r.Versions})
			}
		}
	}
	if len(out) > 0 && draw(w, "another child", true, false) {
		return out
	}
	for col, v := range map[string]any{"a": "a0", "b": "b1", "g": "g0", "n": int64(1)} {
		if _, ok := r.Cells[col]; !ok {
			r.Cells[col] = v
		}
	}
	return append(out, r)
}

func (w *world) id(p *core.Plan, r naive.Row) string {
	parts := make([]string, len(p.Feature.ID))
	for i, c := range p.Feature.ID {
		parts[i] = fmt.Sprintf("%q", r.Cells[c])
	}
	return fmt.Sprint(parts)
}

// write keeps the first row of each id.
func (w *world) write(p *core.Plan, rows []naive.Row, basis core.Basis) {
	schema := worldSchema(p.ContainerNames())
	var values [][]any
	seen := map[string]bool{}
	if w.held[p.Key()] == nil {
		w.held[p.Key()] = map[string]naive.Row{}
	}
	for _, r := range rows {
		if seen[w.id(p, r)] {
			continue
		}
		seen[w.id(p, r)] = true
		v := make([]any, len(p.ContainerNames()))
		for i, c := range p.ContainerNames() {
			v[i] = r.Versions[c]
		}
		values = append(values, []any{r.Cells["a"], r.Cells["b"], r.Cells["g"], r.Cells["n"], v})
		w.held[p.Key()][w.id(p, r)] = r
	}
	if err := writeBatch(w.e, w.s, core.WriteRequest{Plan: p, Basis: basis}, schema, values); err != nil {
		w.rt.Fatalf("write %s: %v", p.Key(), err)
	}
}

// retire writes tombstones for some of the samples held.
func (w *world) retire(p *core.Plan) {
	if len(w.held[p.Key()]) == 0 {
		return
	}
	var rows [][]any
	for _, id := range slices.Sorted(mapKeys(w.held[p.Key()])) {
		if draw(w, "retire", true, false) {
			var row []any
			for _, c := range p.Feature.ID {
				row = append(row, w.held[p.Key()][id].Cells[c])
			}
			rows = append(rows, row)
			delete(w.held[p.Key()], id)
		}
	}
	if err := writeBatch(w.e, w.s, core.WriteRequest{Plan: p, Tombstones: true}, idSchema(p.Feature.ID...), rows); err != nil {
		w.rt.Fatalf("retire in %s: %v", p.Key(), err)
	}
}

// tables is held as the oracle takes it.
func (w *world) tables() naive.Tables {
	t := naive.Tables{}
	for key, rows := range w.held {
		t[key] = []naive.Row{}
		for _, r := range rows {
			t[key] = append(t[key], r)
		}
	}
	return t
}
