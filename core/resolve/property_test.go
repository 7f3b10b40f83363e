package resolve_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/core/resolve/oracle"
)

// world is a random graph over one leaf, a store, and what the oracle sees.
type world struct {
	t       *rapid.T
	store   core.Store
	graph   *core.Graph
	leaf    *core.Plan
	numeric map[string]bool // leaf id columns that are integers
	tables  map[core.FeatureKey]*table
	oracle  oracle.World
}

// table is one feature's physical side.
type table struct {
	plan   *core.Plan
	fields []field
	text   arrow.DataType
	live   map[string]oracle.Row
}

var (
	numbers = []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint16}
	strs    = []arrow.DataType{
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String},
	}
	pool = []string{"", "p", "p|q", `\`, "é", "10", "9", "a longer id than sixteen bytes"}
)

func newWorld(t *rapid.T) *world {
	w := &world{t: t, store: backend.New(), numeric: map[string]bool{}, tables: map[core.FeatureKey]*table{}}
	w.oracle.Keep = map[core.FeatureKey]func(oracle.Row) bool{}
	ids := [][]string{{"a"}, {"a", "b"}}[rapid.IntRange(0, 1).Draw(t, "ids")]
	for _, id := range ids {
		w.numeric[id] = rapid.Bool().Draw(t, "numeric")
	}
	leaf := []core.FeatureOption{core.ID(ids...)}
	var specs []core.FeatureSpec
	columns := map[core.FeatureKey][]field{}
	containers := map[string][]string{}
	n := rapid.IntRange(1, 3).Draw(t, "upstreams")
	for i := range n {
		key := fmt.Sprintf("up/u%d", i)
		up, dep, fields := w.upstream(key, ids, i == 0)
		containers[key] = []string{"x", "y"}[:rapid.IntRange(1, 2).Draw(t, "containers")]
		for _, c := range containers[key] {
			up = append(up, core.Container(c))
		}
		specs = append(specs, core.NewFeature(key, up...))
		leaf = append(leaf, core.DependsOn(key, dep...))
		columns[core.FeatureKey(key)] = fields
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "leaf containers") {
		opts := []core.ContainerOption{core.Code(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "code"))}
		if rapid.Bool().Draw(t, "from") {
			key := fmt.Sprintf("up/u%d", rapid.IntRange(0, n-1).Draw(t, "from which"))
			opts = append(opts, core.From(key, rapid.SampledFrom(containers[key]).Draw(t, "container")))
		}
		leaf = append(leaf, core.Container([]string{"one", "two"}[i], opts...))
	}
	specs = append(specs, core.NewFeature("leaf", leaf...))
	g, err := core.NewGraph(specs...)
	if err != nil {
		t.Skip(err) // some shapes decide about no sample: the graph's own tests have them
	}
	w.graph = g
	if w.leaf, err = g.Plan("leaf"); err != nil {
		t.Fatal(err)
	}
	w.oracle.Plan = w.leaf
	var own []field
	for _, id := range ids {
		own = append(own, field{id, w.physical(w.numeric[id])})
	}
	columns["leaf"] = own
	for _, key := range g.Keys() {
		p, err := g.Plan(key)
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.SampledFrom([]arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString}).Draw(t, "text")
		w.tables[key] = &table{plan: p, fields: columns[key], text: text, live: map[string]oracle.Row{}}
	}
	return w
}

func (w *world) physical(number bool) arrow.DataType {
	if number {
		return rapid.SampledFrom(numbers).Draw(w.t, "number type")
	}
	return rapid.SampledFrom(strs).Draw(w.t, "string type")
}

// upstream draws one upstream: how it is declared, how it is depended on, and
// its columns.
func (w *world) upstream(key string, ids []string, first bool) (up []core.FeatureOption, dep []core.DependencyOption, fields []field) {
	t := w.t
	lineage := rapid.SampledFrom([]core.Lineage{core.OneToOne, core.OneToOne, core.Aggregation, core.Expansion}).Draw(t, "lineage")
	if lineage == core.Expansion && len(ids) == 1 {
		lineage = core.OneToOne
	}
	meets := ids
	if lineage == core.Expansion || lineage == core.Aggregation && !first && len(ids) > 1 && rapid.Bool().Draw(t, "part") {
		meets = ids[:1]
		if rapid.Bool().Draw(t, "second") {
			meets = ids[1:]
		}
	}
	rename := rapid.Bool().Draw(t, "rename")
	var own []string
	for _, id := range meets {
		name := id
		if rename {
			name = "r_" + id
			dep = append(dep, core.Rename(name, id))
		}
		own = append(own, name)
		fields = append(fields, field{name, w.physical(w.numeric[id])})
	}
	switch lineage {
	case core.Expansion:
		dep = append(dep, core.Expand())
	case core.Aggregation:
		dep = append(dep, core.Aggregate(meets...))
		fields = append(fields, field{"n", w.physical(rapid.Bool().Draw(t, "n numeric"))})
		if rapid.Bool().Draw(t, "grouped by an id") {
			own = append(own, "n")
		} else {
			own = []string{"n"}
		}
	}
	up = append(up, core.ID(own...))
	fields = append(fields, field{"v", arrow.PrimitiveTypes.Int64})
	if rapid.Bool().Draw(t, "optional") {
		dep = append(dep, core.Optional())
	}
	if rapid.IntRange(0, 3).Draw(t, "filter") == 0 {
		name := "v"
		if rename {
			name = "w"
			dep = append(dep, core.Rename("v", "w"))
		}
		dep = append(dep, core.Where(expr.Col(name).Ge(3)))
		w.oracle.Keep[core.FeatureKey(key)] = func(r oracle.Row) bool { return r.Values["v"].(int64) >= 3 }
	}
	return up, dep, fields
}

// edit writes random rows and tombstones to a feature.
func (w *world) edit(key core.FeatureKey) {
	tb, t := w.tables[key], w.t
	rows := map[string]oracle.Row{}
	for range rapid.IntRange(0, 12).Draw(t, "rows") {
		r := oracle.Row{Values: map[string]any{}, Versions: map[string]string{}}
		for _, f := range tb.fields {
			id := slices.Contains(tb.plan.Feature.ID, f.name)
			switch {
			case !id && f.name != "v" && rapid.IntRange(0, 5).Draw(t, "null") == 0:
				r.Values[f.name] = nil
			case isNumber(f.typ):
				r.Values[f.name] = int64(rapid.IntRange(0, 7).Draw(t, "number"))
			default:
				r.Values[f.name] = rapid.SampledFrom(pool).Draw(t, "text")
			}
		}
		for _, c := range tb.plan.ContainerNames() {
			r.Versions[c] = rapid.SampledFrom([]string{"v1", "v2", `a|b\`, ""}).Draw(t, "version")
		}
		rows[oracle.Text(r.Values, tb.plan.Feature.ID)] = r
	}
	w.write(key, slices.Collect(maps.Values(rows)))
	if rapid.IntRange(0, 2).Draw(t, "retire") == 0 && len(tb.live) > 0 {
		w.retire(key, slices.Sorted(maps.Keys(tb.live))[:1])
	}
}

func isNumber(t arrow.DataType) bool { return arrow.IsInteger(t.ID()) }

func (w *world) write(key core.FeatureKey, rows []oracle.Row) {
	tb := w.tables[key]
	slices.SortFunc(rows, func(a, b oracle.Row) int {
		return -cmpText(oracle.Text(a.Values, tb.plan.Feature.ID), oracle.Text(b.Values, tb.plan.Feature.ID))
	})
	size := rapid.IntRange(1, 5).Draw(w.t, "batch")
	var batches []arrow.RecordBatch
	for part := range slices.Chunk(rows, size) {
		batches = append(batches, batch(w.t, tb.fields, tb.plan.ContainerNames(), tb.text, part...))
	}
	schema := batch(w.t, tb.fields, tb.plan.ContainerNames(), tb.text).Schema()
	if _, err := w.store.Write(w.t.Context(), core.WriteRequest{Plan: tb.plan, Rows: core.RowsOf(schema, batches...)}); err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		tb.live[oracle.Text(r.Values, tb.plan.Feature.ID)] = r
	}
	w.refresh(key)
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (w *world) retire(key core.FeatureKey, ids []string) {
	tb := w.tables[key]
	var rows []oracle.Row
	for _, id := range ids {
		rows = append(rows, tb.live[id])
		delete(tb.live, id)
	}
	var fields []field
	for _, f := range tb.fields {
		if slices.Contains(tb.plan.Feature.ID, f.name) {
			fields = append(fields, f)
		}
	}
	b := batch(w.t, fields, nil, nil, rows...)
	if _, err := w.store.Write(w.t.Context(), core.WriteRequest{Plan: tb.plan, Rows: core.RowsOf(b.Schema(), b), Tombstones: true}); err != nil {
		w.t.Fatal(err)
	}
	w.refresh(key)
}

// refresh shows the oracle what is live.
func (w *world) refresh(key core.FeatureKey) {
	rows := slices.Collect(maps.Values(w.tables[key].live))
	if key == w.leaf.Key() {
		w.oracle.Held = rows
		return
	}
	if w.oracle.Tables == nil {
		w.oracle.Tables = map[core.FeatureKey][]oracle.Row{}
	}
	w.oracle.Tables[key] = rows
}

// compare resolves with several settings; all must agree with the oracle.
func (w *world) compare(filter expr.Expr) oracle.Answer {
	want, wantErr := oracle.Resolve(w.oracle)
	for _, opts := range [][]resolve.Option{
		{resolve.Workers(2)},
		{resolve.Budget(1), resolve.Workers(1)},
		{resolve.Budget(2048), resolve.Workers(3)},
	} {
		inc, err := resolve.ByReading(w.t.Context(), w.store, core.ResolveRequest{Plan: w.leaf, Filter: filter}, opts...)
		if wantErr != nil {
			if !errors.Is(err, core.ErrDependency) {
				w.t.Fatalf("got %v, want %v", err, wantErr)
			}
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if got := answer(w.t, w.leaf, inc); !reflect.DeepEqual(empty(got), empty(want)) {
			w.t.Fatalf("options %d: got\n%+v\nwant\n%+v", len(opts), got, want)
		}
		for key, seq := range inc.Basis {
			info, err := w.store.Stat(w.t.Context(), core.StatRequest{Key: key})
			if err != nil || info.Generation != seq {
				w.t.Fatalf("basis %s: %d, generation %d, %v", key, seq, info.Generation, err)
			}
		}
	}
	return want
}

// empty makes nil and empty lists alike.
func empty(a oracle.Answer) oracle.Answer {
	a.Orphaned = append([]string{}, a.Orphaned...)
	a.Missing = append([]string{}, a.Missing...)
	return a
}

// follow writes some or all of what an answer asks for.
func (w *world) follow(a oracle.Answer, all bool) {
	var rows []oracle.Row
	parents := map[string]map[string]any{}
	for i := range w.leaf.Upstream {
		u := w.leaf.Upstream[i]
		for _, r := range w.oracle.Tables[u.Feature] {
			if !w.leaf.Drives(u) {
				continue
			}
			ids := map[string]any{}
			for _, k := range u.Key {
				ids[k] = r.Values[u.Original(k)]
			}
			parents[oracle.Text(ids, w.leaf.ResolveKey)] = ids
		}
	}
	for _, part := range []map[string]map[string]string{a.New, a.Stale} {
		for _, text := range slices.Sorted(maps.Keys(part)) {
			if !all && rapid.Bool().Draw(w.t, "leave") {
				continue
			}
			r := oracle.Row{Values: maps.Clone(parents[text]), Versions: part[text]}
			if !w.leaf.Expands() {
				rows = append(rows, r)
				continue
			}
			children := rapid.IntRange(1, 3).Draw(w.t, "children")
			for _, h := range w.oracle.Held {
				if all && oracle.Text(h.Values, w.leaf.ResolveKey) == text {
					rows = append(rows, oracle.Row{Values: h.Values, Versions: part[text]})
					children = 0
				}
			}
			for c := range children {
				child := oracle.Row{Values: maps.Clone(r.Values), Versions: r.Versions}
				for _, f := range w.tables["leaf"].fields {
					if _, there := child.Values[f.name]; there {
						continue
					}
					if child.Values[f.name] = any(pool[c]); isNumber(f.typ) {
						child.Values[f.name] = int64(c)
					}
				}
				rows = append(rows, child)
			}
		}
	}
	w.write("leaf", rows)
	for _, id := range a.Orphaned {
		if all || rapid.Bool().Draw(w.t, "retire orphan") {
			w.retire("leaf", []string{id})
		}
	}
}

func TestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.store.Close()
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			for _, u := range w.leaf.Upstream {
				if rapid.IntRange(0, 4).Draw(t, "edit") > 0 {
					w.edit(u.Feature)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "edit the leaf") == 0 {
				w.edit("leaf")
			}
			if id := w.leaf.ResolveKey[0]; w.numeric[id] && rapid.IntRange(0, 2).Draw(t, "restrict") == 0 {
				w.oracle.Restrict = func(v map[string]any) bool { return v[id].(int64) < 4 }
				w.compare(expr.Col(id).Lt(4))
				w.oracle.Restrict = nil
			}
			a := w.compare(nil)
			if w.oracle.Tables != nil {
				w.follow(a, false)
			}
		}
		if _, err := oracle.Resolve(w.oracle); err != nil {
			return
		}
		w.follow(w.compare(nil), true)
		if a := w.compare(nil); len(a.New)+len(a.Stale)+len(a.Orphaned) > 0 {
			t.Fatalf("after everything was written: %+v", a)
		}
	})
}
