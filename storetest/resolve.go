package storetest

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

func resolveProperties() []property {
	return []property{
		{code: "S1", name: "native_equals_universal", run: s1, why: "an answer must not depend on where it was computed"},
		{code: "S2", name: "idempotent", run: s2, why: "a pipeline that ran must find nothing to do"},
		{code: "S3", name: "independent_of_encoding", run: s3, why: "batch sizes, column order and dictionaries are no data"},
		{code: "S4", name: "orphaned_only_within_the_view", run: s4, why: "who asks about a part must not be told to retire the rest"},
		{code: "S5", name: "golden_digests", run: s5, why: "Go, SQL and the Python workers must give the same digests"},
		{code: "S6", name: "a_container_touches_only_its_dependents", run: s6, why: "this is what saves recomputation"},
		{code: "S7", name: "missing_upstream_is_counted_not_written", run: s7, why: "a sample without its inputs cannot be computed"},
		{code: "S8", name: "n_to_1_and_1_to_n", run: s8, why: "clips have frames, and a scene has shots"},
		{code: "S8a", name: "retired_upstream_orphans_downstream", run: s8a, why: "what is deleted upstream must not live on downstream"},
		{code: "S9", name: "exact_after_random_edits", run: s9, why: "the answer is right, not only the same twice"},
	}
}

// s1 compares with the universal engine over the store's own Read.
func s1(e *env) {
	if e.cfg.Native && !e.store().Capabilities().NativeResolve {
		e.Error("Config.Native is set and NativeResolve is not claimed")
	}
	e.check(12, func(rt *rapid.T) {
		s := e.cfg.New(e.tb())
		defer func() { _ = s.Close() }()
		w := newWorld(e, rt, s)
		for range rapid.IntRange(4, 14).Draw(rt, "edits") {
			w.edit()
		}
		for _, key := range w.graph.Keys() {
			p := planIn(w.graph, key)
			if p.Root() {
				w.root(p)
				continue
			}
			w.verify(w.request(p))
		}
	})
}

// root resolves a root feature against samples that the caller brings.
func (w *world) root(p *core.Plan) {
	other := newWorldOver(w, p)
	req := core.ResolveRequest{Plan: p, Samples: other}
	got, err := w.s.Resolve(w.e.ctx(), req)
	if err != nil {
		w.rt.Fatalf("resolve root %s: %v", p.Key(), err)
	}
	universal, err := resolve.ByReading(w.e.ctx(), w.s, req)
	if err != nil {
		w.rt.Fatalf("universal resolve of root %s: %v", p.Key(), err)
	}
	w.sameIncrement(req, universal, got)
}

// newWorldOver draws samples for a root feature.
func newWorldOver(w *world, p *core.Plan) core.Rows {
	var rows [][]any
	seen := map[string]bool{}
	for range rapid.IntRange(0, 5).Draw(w.rt, "samples") {
		row, id := []any{}, ""
		for _, c := range p.Feature.ID {
			v := draw(w, c, c+"0", c+"1", c+"2")
			row, id = append(row, v), id+v
		}
		v := []any{}
		for range p.ContainerNames() {
			v = append(v, draw(w, "version", "v1", "v2"))
		}
		if !seen[id] {
			rows = append(rows, append(row, v))
		}
		seen[id] = true
	}
	schema := versionSchema(p.Feature.ID, p.ContainerNames()...)
	return core.RowsOf(schema, Batch(goAllocator, schema, rows...))
}

// s9 checks every feature against the oracle after each edit.
func s9(e *env) {
	e.check(25, func(rt *rapid.T) {
		s := e.cfg.New(e.tb())
		defer func() { _ = s.Close() }()
		w := newWorld(e, rt, s)
		for range rapid.IntRange(1, 8).Draw(rt, "edits") {
			w.edit()
			for _, key := range w.graph.Keys() {
				if p := planIn(w.graph, key); !p.Root() {
					w.verify(w.request(p))
				}
			}
		}
	})
}

// chain writes two roots and brings everything downstream up to date.
func chain(e *env, s core.Store, n int) {
	e.Helper()
	e.writeVideos(s, videos(0, n)...)
	for _, key := range []core.FeatureKey{KeyCrop, KeyEmbedding, KeyTrain} {
		e.writeResolved(s, key)
	}
}

func s2(e *env) {
	s := e.store()
	chain(e, s, 7)
	e.writeVideos(s, video("s001", 99), video("new", 5))
	e.retire(s, KeyVideo, "s002")
	for _, key := range []core.FeatureKey{KeyCrop, KeyEmbedding, KeyTrain} {
		req := core.ResolveRequest{Plan: plan(key)}
		first := e.resolve(s, req)
		e.same(string(key)+" resolved twice", e.incrementLines(first), e.incrementLines(e.resolve(s, req)))
		e.same(string(key)+" ranged twice", e.incrementLines(first), e.incrementLines(first))
		if st := first.Stats; st.New != 1 || st.Stale != 1 || st.Orphaned != 1 || st.Unchanged != 5 {
			e.Errorf("%s: %+v, want 1 new, 1 stale, 1 orphaned, 5 unchanged", key, st)
		}
		e.must("write what resolve found", writeIncrement(e, s, plan(key), first))
		after := e.resolve(s, req)
		if !after.Stats.Clean() || after.Stats.Unchanged != 7 {
			e.Errorf("%s after writing new and stale and retiring orphans: %+v, want 7 unchanged", key, after.Stats)
		}
		for what, rows := range map[string]core.Rows{"new": after.New, "stale": after.Stale, "orphaned": after.Orphaned} {
			if n, err := rows.Count(); n != 0 || err != nil {
				e.Errorf("%s: stats say clean, %s has %d rows (%v)", key, what, n, err)
			}
		}
	}
	// A root: the samples are what it should hold.
	samples := e.rows(versionSchema([]string{"sample_id"}, "frames", "audio"), []any{"s003", []any{"f3", "a3"}}, []any{"x", []any{"f", "a"}}, []any{"s004", []any{"f4", "other"}})
	inc := e.resolve(s, core.ResolveRequest{Plan: plan(KeyVideo), Samples: samples})
	if st := inc.Stats; st.New != 1 || st.Stale != 1 || st.Unchanged != 1 || st.Orphaned != 5 || st.StaleBy["audio"] != 1 || st.StaleBy["frames"] != 0 {
		e.Errorf("a root against 3 samples: %+v, want 1 new, 1 stale by audio, 1 unchanged, 5 orphaned", st)
	}
	e.same("a root's new sample", []string{`sample_id="x" data_version={frames:"f",audio:"a"}`}, e.lines("new", inc.New))
	// Answers outlive the store.
	e.must("close", s.Close())
	if n := len(e.lines("new after Close", inc.New)); n != 1 {
		e.Errorf("an increment read after Close has %d new rows, want 1", n)
	}
}

// s3 writes the same data in four forms.
func s3(e *env) {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	text, large := arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString
	forms := []struct {
		what      string
		size      int
		id, value arrow.DataType
		turned    bool
	}{
		{"one batch", 1000, text, text, false},
		{"a batch a row", 1, text, text, false},
		{"columns turned", 4, text, text, true},
		{"dictionary versions", 7, text, dict, false},
		{"large string versions", 7, text, large, true},
		{"dictionary ids", 7, dict, text, false},
	}
	var want []string
	for _, form := range forms {
		if _, no := e.cfg.Types["dictionary"]; no && form.id.ID() == arrow.DICTIONARY {
			continue
		}
		s := e.store()
		for round := range 2 {
			dv := arrow.StructOf(arrow.Field{Name: "frames", Type: form.value}, arrow.Field{Name: "audio", Type: form.value})
			fields := []arrow.Field{{Name: "sample_id", Type: form.id}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: core.ColDataVersion, Type: dv}}
			if form.turned {
				fields[0], fields[2] = fields[2], fields[0]
			}
			var rows [][]any
			for i := range 20 {
				row := []any{sampleID(i), i, []any{fmt.Sprintf("f%d", i/(3*round+1)), fmt.Sprintf("a%d", i)}}
				if form.turned {
					row[0], row[2] = row[2], row[0]
				}
				rows = append(rows, row)
			}
			e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: RowsIn(e, e.mem, form.size, arrow.NewSchema(fields, nil), rows...)})
			if round == 0 {
				e.writeResolved(s, KeyCrop)
			}
		}
		got := e.incrementLines(e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop), Columns: []string{"n"}}))
		if want == nil {
			want = got
		}
		e.same(form.what, want, got)
	}
}

func s4(e *env) {
	s := e.store()
	chain(e, s, 6)
	e.retire(s, KeyVideo, "s001", "s004")
	all := e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop)})
	e.same("orphans", []string{`sample_id="s001"`, `sample_id="s004"`}, e.lines("orphaned", all.Orphaned))
	inc := e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop), Filter: mustParse(`sample_id < 's003'`)})
	e.same("orphans within the filter", []string{`sample_id="s001"`}, e.lines("orphaned", inc.Orphaned))
	if st := inc.Stats; st.Orphaned != 1 || st.Unchanged != 2 || st.New != 0 || st.Stale != 0 {
		e.Errorf("within the filter: %+v, want 1 orphaned, 2 unchanged", st)
	}
	for _, f := range []string{`path = 'x'`, `nope = 'x'`, `data_version.frames = 'x'`} {
		_, err := s.Resolve(e.ctx(), core.ResolveRequest{Plan: plan(KeyCrop), Filter: mustParse(f)})
		e.is("a resolve restricted by "+f, err, core.ErrInvalid)
	}
	for _, columns := range [][]string{{"nope"}, {"size", "size"}, {"sample_id"}, {core.ColDataVersion}, {core.ColCommit}} {
		_, err := s.Resolve(e.ctx(), core.ResolveRequest{Plan: plan(KeyCrop), Columns: columns})
		e.is(fmt.Sprintf("a resolve that carries %v", columns), err, core.ErrInvalid)
	}
}
