//go:build cgo && duckdb_arrow

package duckdb

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/storetest"
)

// eager uses markers wherever they are allowed, and makes one as soon as a row came since the last.
var eager = marking{least: 1, mark: 1, most: 1 << 17, use: 1, refresh: math.MaxInt64}

func withMarking(m marking) Option { return func(c *config) { c.marking = m } }

// whole is the same database as a store that knows no markers.
func whole(s *store) *store {
	c := s.config
	c.marking.least = math.MaxInt64
	return &store{config: c, pool: s.pool, locks: s.locks}
}

// history is a random graph that changes and a store that is written to at random.
type history struct {
	rt    *rapid.T
	t     *testing.T
	s     *store
	graph *core.Graph
	extra map[core.FeatureKey]bool // tables with a column that was added
	held  map[core.FeatureKey]map[string][]any
}

func (h *history) text(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(h.rt, what)
}

func (h *history) schema(p *core.Plan) *arrow.Schema {
	text := arrow.BinaryTypes.String
	fields := []arrow.Field{
		{Name: "a", Type: text},
		{Name: "b", Type: text},
		{Name: "g", Type: text, Nullable: !slices.Contains(p.Feature.ID, "g")},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}
	if h.extra[p.Key()] {
		fields = append(fields, arrow.Field{Name: "extra", Type: text, Nullable: true})
	}
	return arrow.NewSchema(append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(p.ContainerNames())}), nil)
}

func (h *history) id(p *core.Plan, row []any) string {
	var parts []any
	for _, c := range p.Feature.ID {
		parts = append(parts, row[strings.Index("abg", c)])
	}
	return fmt.Sprintf("%q", parts)
}

// write appends rows of a, b, g, n and versions, the first one of each id.
func (h *history) write(p *core.Plan, rows [][]any) {
	if h.held[p.Key()] == nil {
		h.held[p.Key()] = map[string][]any{}
	}
	var some [][]any
	seen := map[string]bool{}
	for _, r := range rows {
		if id := h.id(p, r); !seen[id] {
			seen[id] = true
			h.held[p.Key()][id] = r
			if r = slices.Clone(r); h.extra[p.Key()] {
				r = slices.Insert(r, 4, any(nil))
			}
			some = append(some, r)
		}
	}
	in := storetest.RowsIn(h.t, memory.DefaultAllocator, 3, h.schema(p), some...)
	if _, err := h.s.Write(h.t.Context(), core.WriteRequest{Plan: p, Rows: in}); err != nil {
		h.rt.Fatalf("write %s: %v", p.Key(), err)
	}
}

func (h *history) random(p *core.Plan) {
	var rows [][]any
	for range rapid.IntRange(0, 6).Draw(h.rt, "rows") {
		versions := make([]any, len(p.Containers))
		for i := range versions {
			versions[i] = h.text("version", "v1", "v2", "v|3", "")
		}
		g := any(h.text("g", "g0", "g1", "g2"))
		if !slices.Contains(p.Feature.ID, "g") && rapid.IntRange(0, 4).Draw(h.rt, "null") == 0 {
			g = nil
		}
		rows = append(rows, []any{h.text("a", "a0", "a1", "a2", "a3"), h.text("b", "b0", "b1"), g, rapid.SampledFrom([]any{int64(0), int64(1), int64(2), nil}).Draw(h.rt, "n"), versions})
	}
	h.write(p, rows)
}

// follow writes a part of what a resolve asks for.
func (h *history) follow(p *core.Plan) {
	inc, err := h.s.Resolve(h.t.Context(), core.ResolveRequest{Plan: p})
	if err != nil {
		return // an upstream holds nothing
	}
	var rows [][]any
	for _, part := range []core.Rows{inc.New, inc.Stale} {
		batches, err := part.Collect()
		if err != nil {
			h.rt.Fatal(err)
		}
		for _, b := range batches {
			for i := range int(b.NumRows()) {
				if rapid.IntRange(0, 3).Draw(h.rt, "leave") == 0 {
					continue
				}
				row := []any{h.text("a", "a0", "a1"), "b0", "g0", int64(1), nil}
				for at, k := range p.ResolveKey {
					row[strings.Index("abg", k)] = b.Column(at).ValueStr(i)
				}
				versions := b.Column(len(p.ResolveKey)).(interface{ ValueStr(int) string }).ValueStr(i)
				row[4] = structOf(versions, p.ContainerNames())
				if p.Expands() {
					for _, held := range h.held[p.Key()] {
						same := !slices.ContainsFunc(p.ResolveKey, func(k string) bool { return held[strings.Index("abg", k)] != row[strings.Index("abg", k)] })
						if same {
							rows = append(rows, append(slices.Clone(held[:4]), row[4]))
						}
					}
				}
				rows = append(rows, row)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	h.write(p, rows)
}

// structOf takes {"c0":"…"} apart: digests have nothing to escape.
func structOf(text string, names []string) []any {
	out := make([]any, len(names))
	for i, n := range names {
		_, rest, _ := strings.Cut(text, `"`+n+`":"`)
		out[i], _, _ = strings.Cut(rest, `"`)
	}
	return out
}

func (h *history) retire(p *core.Plan) {
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(h.held[p.Key()])) {
		if rapid.Bool().Draw(h.rt, "retire") {
			var row []any
			for _, c := range p.Feature.ID {
				row = append(row, h.held[p.Key()][id][strings.Index("abg", c)])
			}
			rows = append(rows, row)
			delete(h.held[p.Key()], id)
		}
	}
	if h.held[p.Key()] == nil {
		return
	}
	var fields []arrow.Field
	for _, c := range p.Feature.ID {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.BinaryTypes.String})
	}
	in := storetest.RowsIn(h.t, memory.DefaultAllocator, 2, arrow.NewSchema(fields, nil), rows...)
	if _, err := h.s.Write(h.t.Context(), core.WriteRequest{Plan: p, Rows: in, Tombstones: true}); err != nil {
		h.rt.Fatalf("retire in %s: %v", p.Key(), err)
	}
}

// change gives a feature another code version or one more container, or its table one more column.
func (h *history) change(p *core.Plan) {
	what := rapid.IntRange(0, 2).Draw(h.rt, "change")
	if what == 0 {
		info, err := h.s.Stat(h.t.Context(), core.StatRequest{Key: p.Key()})
		if err != nil || h.extra[p.Key()] {
			return
		}
		h.extra[p.Key()] = true
		add := core.SchemaChange{Kind: core.AddColumn, Column: "extra", Type: arrow.BinaryTypes.String}
		if _, err := h.s.Evolve(h.t.Context(), core.EvolveRequest{Key: p.Key(), Base: info.SchemaVersion, Changes: []core.SchemaChange{add}}); err != nil {
			h.rt.Fatal(err)
		}
		return
	}
	var specs []core.FeatureSpec
	for _, key := range h.graph.Keys() {
		f, _ := h.graph.Feature(key)
		if key == p.Key() {
			f.Containers = slices.Clone(f.Containers)
			if what == 1 {
				f.Containers[0].Code += "'"
			} else {
				f.Containers = append(f.Containers, core.ContainerSpec{Name: fmt.Sprint("more", len(f.Containers))})
			}
		}
		specs = append(specs, f)
	}
	g, err := core.NewGraph(specs...)
	if err != nil {
		h.rt.Fatal(err)
	}
	h.graph = g
}

// compare holds the answer of the store against those of a full resolve and of the universal engine.
func (h *history) compare(p *core.Plan) {
	req := core.ResolveRequest{Plan: p}
	if rapid.IntRange(0, 3).Draw(h.rt, "filter") == 0 {
		req.Filter = expr.Col(p.ResolveKey[0]).In("a0", "a2", "g0", "b1")
	}
	if u := p.Upstream[0]; u.Lineage != core.Aggregation && u.Rename == nil && len(p.Upstream) == 1 && rapid.Bool().Draw(h.rt, "columns") {
		req.Columns = []string{"n"}
	}
	lines := func(inc core.Increment, err error) []string {
		if err != nil {
			return []string{err.Error()}
		}
		out, err := storetest.IncrementLines(inc)
		if err != nil {
			h.rt.Fatal(err)
		}
		return out
	}
	got := lines(h.s.Resolve(h.t.Context(), req))
	if full := lines(whole(h.s).Resolve(h.t.Context(), req)); !slices.Equal(full, got) {
		h.rt.Fatalf("resolve of %s, filter %v: quick against full\n%s", p.Key(), req.Filter, storetest.Diff(full, got))
	}
	universal := lines(resolve.ByReading(h.t.Context(), h.s, req))
	if len(universal) > 1 && !slices.Equal(universal, got) {
		h.rt.Fatalf("resolve of %s, filter %v: against the universal engine\n%s", p.Key(), req.Filter, storetest.Diff(universal, got))
	}
}

// TestQuickIsFull resolves at random moments of random histories, of which parts of earlier increments were written.
func TestQuickIsFull(t *testing.T) {
	var taken paths
	rapid.Check(t, func(rt *rapid.T) {
		m := eager
		m.refresh = rapid.SampledFrom([]int64{1, 3, math.MaxInt64}).Draw(rt, "refresh")
		st, err := Open(t.Context(), inMemory, Threads(1), withMarking(m))
		if err != nil {
			rt.Fatal(err)
		}
		defer st.Close()
		h := &history{rt: rt, t: t, s: st.(*store), graph: storetest.Graphs().Draw(rt, "graph"), extra: map[core.FeatureKey]bool{}, held: map[core.FeatureKey]map[string][]any{}}
		for _, key := range h.graph.Keys() {
			h.random(h.plan(key))
		}
		for range rapid.IntRange(2, 14).Draw(rt, "steps") {
			p := h.plan(rapid.SampledFrom(h.graph.Keys()).Draw(rt, "feature"))
			switch what := rapid.IntRange(0, 11).Draw(rt, "step"); {
			case what == 0:
				h.change(p)
			case what <= 2:
				h.retire(p)
			case what <= 7 && !p.Root():
				h.follow(p)
			default:
				h.random(p)
			}
			for _, key := range h.graph.Keys() {
				if p := h.plan(key); !p.Root() && rapid.IntRange(0, 2).Draw(rt, "look") > 0 {
					h.compare(p)
				}
			}
		}
		if n := h.s.paths.failed.Load(); n > 0 {
			rt.Fatalf("%d quick resolves failed and were made in full", n)
		}
		taken.quick.Add(h.s.paths.quick.Load())
		taken.full.Add(h.s.paths.full.Load())
		taken.marks.Add(h.s.paths.marks.Load())
	})
	t.Logf("%d quick, %d full, %d markers", taken.quick.Load(), taken.full.Load(), taken.marks.Load())
	if taken.quick.Load() == 0 || taken.full.Load() == 0 || taken.marks.Load() == 0 {
		t.Error("one of the ways was never taken")
	}
}

func (h *history) plan(key core.FeatureKey) *core.Plan {
	p, err := h.graph.Plan(key)
	if err != nil {
		h.rt.Fatal(err)
	}
	return p
}
