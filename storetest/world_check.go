package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/storetest/internal/naive"
)

// rows reads an increment's id columns and versions back as Go values.
func (w *world) rows(rows core.Rows) ([]naive.Row, error) {
	var out []naive.Row
	for b, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		for row := range int(b.NumRows()) {
			r := naive.Row{Cells: map[string]any{}, Versions: map[string]string{}}
			for i, f := range b.Schema().Fields() {
				switch c := b.Column(i).(type) {
				case *array.String:
					r.Cells[f.Name] = c.Value(row)
				case *array.Struct:
					for j, k := range f.Type.(*arrow.StructType).Fields() {
						r.Versions[k.Name] = c.Field(j).(*array.String).Value(row)
					}
				}
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// request draws what to ask: everything or a part, with or without columns.
func (w *world) request(p *core.Plan) core.ResolveRequest {
	req := core.ResolveRequest{Plan: p}
	if draw(w, "restrict", true, false, false) {
		c := expr.Col(rapid.SampledFrom(p.ResolveKey).Draw(w.rt, "by"))
		req.Filter = draw(w, "filter", c.Eq("a0"), c.Ne("b0"), c.In("a0", "g1", "b1"), expr.Or(c.HasPrefix("a"), c.Gt("g0")), expr.False())
	}
	for _, u := range p.Upstream {
		name := u.Renamed("n")
		if w.held[u.Feature] != nil && u.Lineage != core.Aggregation && !slices.Contains(req.Columns, name) && draw(w, "carry", true, false) && w.onlyOne(p, name) {
			req.Columns = append(req.Columns, name)
		}
	}
	return req
}

// onlyOne reports whether a single upstream has the column, so that nobody has
// to choose.
func (w *world) onlyOne(p *core.Plan, name string) bool {
	n := 0
	for _, u := range p.Upstream {
		if u.Renamed("n") == name && u.Lineage != core.Aggregation {
			n++
		}
	}
	return n == 1
}

// verify compares one resolve with the oracle and with the universal engine.
func (w *world) verify(req core.ResolveRequest) {
	w.e.Helper()
	got, err := w.s.Resolve(w.e.ctx(), req)
	want, wantErr := naive.Resolve(req, w.tables())
	if wantErr != nil || err != nil {
		if !errors.Is(err, core.ErrDependency) || wantErr == nil {
			w.rt.Fatalf("resolve %s: %v, want %v\n%s", req.Key(), err, wantErr, w.describe(req))
		}
		return
	}
	if d := Diff(answerLines(want), w.plainLines(got)); d != "" {
		w.rt.Fatalf("resolve %s against the oracle: %s\n%s", req.Key(), d, w.describe(req))
	}
	universal, err := resolve.ByReading(w.e.ctx(), w.s, req)
	if err != nil {
		w.rt.Fatalf("universal resolve %s: %v\n%s", req.Key(), err, w.describe(req))
	}
	w.sameIncrement(req, universal, got)
	for _, u := range req.Plan.Upstream {
		info, err := w.s.Stat(w.e.ctx(), core.StatRequest{Key: u.Feature})
		if err == nil && got.Basis[u.Feature] != info.Generation {
			w.rt.Fatalf("resolve %s: basis %v, %s is at commit %d", req.Key(), got.Basis, u.Feature, info.Generation)
		}
	}
}

// sameIncrement compares schemas too, which a caller builds on.
func (w *world) sameIncrement(req core.ResolveRequest, universal, got core.Increment) {
	for _, part := range []struct {
		name string
		a, b core.Rows
	}{{"new", universal.New, got.New}, {"stale", universal.Stale, got.Stale}, {"orphaned", universal.Orphaned, got.Orphaned}, {"missing", universal.Missing, got.Missing}} {
		if part.a.Schema == nil || part.b.Schema == nil || !core.SameColumns(part.a.Schema, part.b.Schema) {
			w.rt.Fatalf("resolve %s: %s has columns %v, the universal engine gives %v", req.Key(), part.name, part.b.Schema, part.a.Schema)
		}
	}
	want, err := IncrementLines(universal)
	if err != nil {
		w.rt.Fatalf("universal resolve: %v", err)
	}
	have, err := IncrementLines(got)
	if err != nil {
		w.rt.Fatalf("resolve: %v", err)
	}
	if d := Diff(want, have); d != "" {
		w.rt.Fatalf("resolve %s against the universal engine: %s\n%s", req.Key(), d, w.describe(req))
	}
}

// plainLines are IncrementLines without the basis, which the oracle does not know.
func (w *world) plainLines(inc core.Increment) []string {
	inc.Basis = nil
	lines, err := IncrementLines(inc)
	if err != nil {
		w.rt.Fatalf("increment: %v", err)
	}
	return lines
}

// answerLines are the oracle's answer in the form of IncrementLines.
func answerLines(a naive.Answer) []string {
	var out []string
	for _, part := range []struct {
		name  string
		lines []string
	}{{"new", a.New}, {"stale", a.Stale}, {"orphaned", a.Orphaned}, {"missing", a.Missing}} {
		for _, l := range part.lines {
			out = append(out, part.name+" "+l)
		}
	}
	out = append(out, fmt.Sprintf("stats new %d stale %d orphaned %d unchanged %d missing %d", len(a.New), len(a.Stale), len(a.Orphaned), a.Unchanged, len(a.Missing)))
	for _, c := range slices.Sorted(mapKeys(a.StaleBy)) {
		out = append(out, fmt.Sprintf("stale by %s: %d", c, a.StaleBy[c]))
	}
	return out
}

// describe prints the case: the graph and what is held.
func (w *world) describe(req core.ResolveRequest) string {
	s := fmt.Sprintf("request: columns %v filter %v\nfeature: %+v\n", req.Columns, req.Filter, req.Plan.Feature)
	for _, key := range w.graph.Keys() {
		if rows, ok := w.held[key]; ok && (key == req.Key() || slices.Contains(w.graph.Upstream(req.Key()), key)) {
			spec, _ := w.graph.Feature(key)
			s += fmt.Sprintf("held %s (ids %v, containers %v):\n", key, spec.ID, spec.Containers)
			for _, id := range slices.Sorted(mapKeys(rows)) {
				s += fmt.Sprintf("  %v %v\n", rows[id].Cells, rows[id].Versions)
			}
		}
	}
	return s
}
