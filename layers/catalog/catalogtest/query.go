package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

func i1(e *env) {
	a, b := catalog.Intent{Key: feature, ID: "a", Begun: at(1)}, catalog.Intent{Key: feature, ID: "b", Begun: at(2)}
	e.must("begin", e.c.Begin(e.ctx, a))
	e.must("begin", e.c.Begin(e.ctx, b))
	e.has("begun", catalog.Maybe, feature)
	e.same("pending", describe(e.entry(feature)), describe(catalog.Entry{Key: feature, Pending: []catalog.Intent{a, b}, Mode: e.entry(feature).Mode}))
	b.Begun = at(3)
	e.must("renew", e.c.Begin(e.ctx, b))
	e.same("renewed", describe(e.entry(feature)), describe(catalog.Entry{Key: feature, Pending: []catalog.Intent{a, b}, Mode: e.entry(feature).Mode}))
	e.same("features", e.features(catalog.Query{}), []core.FeatureKey{feature})
	e.same("features with rows", e.features(catalog.Query{MinRows: 1}), []core.FeatureKey(nil))

	e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(1, 1), IntentID: "a", Info: info(feature, 1)},
		versions(map[string]counts{"frames": {"aa": 1}})))
	e.has("registered", catalog.Yes, feature)
	e.has("one still pending", catalog.Maybe, feature, catalog.WithVersion("bb"))
	e.must("abandon", e.c.Abandon(e.ctx, b))
	e.must("abandon again", e.c.Abandon(e.ctx, b))
	e.has("settled", e.versioned(catalog.No), feature, catalog.WithVersion("bb"))
	if got := e.entry(feature); !got.Settled() {
		e.Errorf("%s", describe(got))
	}
	// A repeated registration ends its intent as well.
	e.must("begin", e.c.Begin(e.ctx, a))
	e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(1, 1), IntentID: "a"}, catalog.Versions{}))
	if got := e.entry(feature); !got.Settled() {
		e.Errorf("after a repeat: %s", describe(got))
	}
	e.must("abandon what never was", e.c.Abandon(e.ctx, catalog.Intent{Key: "video/none", ID: "x"}))
	e.has("abandoned", catalog.No, "video/none")
	e.same("features", e.features(catalog.Query{}), []core.FeatureKey{feature})
}

func i2(e *env) {
	e.register(feature, commit(1, 1), counts{"aa": 1})
	i := catalog.Intent{Key: feature, ID: "a", Begun: at(1)}
	e.must("begin", e.c.Begin(e.ctx, i))
	e.must("drop", e.c.Drop(e.ctx, feature))
	e.has("dropped with an intent", catalog.Maybe, feature)
	e.must("abandon", e.c.Abandon(e.ctx, i))
	e.has("dropped", catalog.No, feature)
}

func d1(e *env) {
	e.must("describe", e.c.Describe(e.ctx, info(feature, 1)))
	e.has("described only", catalog.No, feature)
	e.register(feature, commit(2, 1), nil)
	want := info(feature, 2)
	want.SchemaVersion = 3
	e.must("describe", e.c.Describe(e.ctx, want))
	for what, older := range map[string]core.Info{"generation": info(feature, 1), "schema": info(feature, 2), "nothing": {Key: feature}} {
		older.FeatureVersion = "older"
		e.must("describe", e.c.Describe(e.ctx, older))
		if got := e.entry(feature).Info; got.SchemaVersion != 3 || got.Generation != 2 || got.FeatureVersion != "fv" {
			e.Errorf("after an older %s: schema %d, generation %d", what, got.SchemaVersion, got.Generation)
		}
	}
	newer := info(feature, 9)
	newer.Log = []core.Commit{commit(9, 1)}
	e.must("describe", e.c.Describe(e.ctx, newer))
	got := e.entry(feature)
	if got.Info.Generation != 9 || got.Settled() || len(got.Info.Log) != 0 {
		e.Errorf("a description ahead of the commits: %s", describe(got))
	}
	e.must("register without a description", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(1, 1)}, catalog.Versions{}))
	e.same("generation", e.entry(feature).Info.Generation, 9)
}

// h1 asks for many versions that were and were not written.
func h1(e *env) {
	const commits, each = 5, 2000
	for seq := int64(1); seq <= commits; seq++ {
		c := counts{}
		for i := range each {
			c[fmt.Sprintf("%064x", int(seq)*1_000_003+i*7919)] = 1
		}
		e.register(feature, commit(seq, each), c)
	}
	falseMaybe := 0
	for seq := range int64(commits) {
		for i := 0; i < each; i += 13 {
			e.has("written", e.versioned(catalog.Yes), feature, catalog.WithVersion(fmt.Sprintf("%064x", int(seq+1)*1_000_003+i*7919)))
			got, err := e.c.HasFeature(e.ctx, feature, catalog.InContainer("frames"), catalog.WithVersion(fmt.Sprintf("%063x0", int(seq)*999+i)))
			e.must("has", err)
			if got == catalog.Yes {
				e.Fatal("a version that was never written is there")
			}
			if got == catalog.Maybe {
				falseMaybe++
			}
		}
	}
	if most := map[catalog.Mode]int{catalog.Exact: 0, catalog.Filter: 20, catalog.Counts: 1 << 30}[e.cfg.Mode]; falseMaybe > most {
		e.Errorf("%d answers without certainty, want at most %d", falseMaybe, most)
	}
}

func q1(e *env) {
	var all []catalog.Entry
	for _, prefix := range []string{"audio/", "video/", "video/x-", "x"} {
		for i := int64(1); i <= 4; i++ {
			key := core.FeatureKey(fmt.Sprintf("%sf%d", prefix, i))
			c := commit(1, i)
			c.Time = at(10 * i)
			container := map[bool]string{true: "frames", false: "audio"}[i%2 == 0]
			e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: key, Commit: c, Info: info(key, 1)},
				versions(map[string]counts{container: {"aa": i}})))
		}
	}
	e.must("begin", e.c.Begin(e.ctx, catalog.Intent{Key: "video/f0", ID: "a", Begun: at(1)}))
	for x, err := range e.c.Features(e.ctx, catalog.Query{}) {
		e.must("features", err)
		if n := len(all); n > 0 && all[n-1].Key >= x.Key {
			e.Errorf("%s comes after %s", x.Key, all[n-1].Key)
		}
		e.same("an entry of a list", describe(x), describe(e.entry(x.Key)))
		all = append(all, x)
	}
	if len(all) != 17 {
		e.Fatalf("%d features, want 17", len(all))
	}
	for _, q := range []catalog.Query{
		{Prefix: "video/"},
		{Prefix: "video/x-"},
		{Prefix: "none"},
		{Since: at(20)},
		{Until: at(20)},
		{Since: at(20), Until: at(30)},
		{MinRows: 3},
		{Container: "frames"},
		{Container: "none"},
		{After: "video/f1"},
		{After: "zzz"},
		{Limit: 1},
		{Limit: 5, After: "audio/f3"},
		{Prefix: "video/", Container: "audio", MinRows: 2, Limit: 2},
		{Prefix: "video/", After: "a"},
	} {
		var want []core.FeatureKey
		for _, x := range all {
			if q.Matches(x) && (q.Limit == 0 || len(want) < q.Limit) {
				want = append(want, x.Key)
			}
		}
		e.same(fmt.Sprintf("features of %+v", q), e.features(q), want)
	}
	// Pages make the whole.
	var paged []core.FeatureKey
	for q := (catalog.Query{Limit: 3}); ; {
		page := e.features(q)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		q.After = page[len(page)-1]
	}
	e.same("pages", len(paged), len(all))
}

func q2(e *env) {
	for i := range 5 {
		e.register(core.FeatureKey(fmt.Sprintf("f/x%d", i)), commit(1, 1), counts{"aa": 1, "bb": 1})
	}
	n := 0
	for x, err := range e.c.Features(e.ctx, catalog.Query{}) {
		e.must("features", err)
		e.register(x.Key, commit(2, 1), counts{"cc": 1})
		for _, err := range e.c.MaterializedVersions(e.ctx, x.Key, "frames") {
			if e.cfg.Mode == catalog.Exact {
				e.must("versions", err)
			}
			e.has("in a loop", catalog.Yes, x.Key)
		}
		for _, err := range e.c.History(e.ctx, x.Key) {
			e.must("history", err)
			e.register(x.Key, commit(3, 1), nil)
			break
		}
		n++
	}
	e.same("features seen", n, 5)
}

func q3(e *env) {
	if _, err := e.c.MaterializationInfo(e.ctx, feature); !errors.Is(err, core.ErrFeatureNotFound) {
		e.Errorf("of no feature: %v, want %v", err, core.ErrFeatureNotFound)
	}
	e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(1, 5)},
		versions(map[string]counts{"frames": {"bb": 3, "aa": 2}, "audio": {"Z": 5}})))
	rows, err := e.c.MaterializationInfo(e.ctx, feature)
	e.must("info", err)
	want := "container_key: utf8\ndata_version: utf8, nullable\nsample_count: int64\nmaterialized_at: timestamp[us, tz=UTC]"
	got := ""
	for i, f := range rows.Schema.Fields() {
		if i > 0 {
			got += "\n"
		}
		got += f.Name + ": " + f.Type.String()
		if f.Nullable {
			got += ", nullable"
		}
	}
	e.same("its schema", got, want)
	var lines []string
	for b, err := range rows.All() {
		e.must("rows", err)
		for i := range int(b.NumRows()) {
			lines = append(lines, b.Column(0).ValueStr(i)+" "+b.Column(1).ValueStr(i)+" "+b.Column(2).ValueStr(i)+" "+b.Column(3).ValueStr(i))
		}
	}
	const when = "2024-02-29T12:01:00.123456Z"
	if e.cfg.Mode == catalog.Exact {
		e.same("its rows", lines, []string{"audio Z 5 " + when, "frames aa 2 " + when, "frames bb 3 " + when})
	} else {
		e.same("its rows", lines, []string{"audio (null) 5 " + when, "frames (null) 5 " + when})
	}
	rows, err = e.c.MaterializationInfo(e.ctx, feature) // never ranged over holds nothing
	e.must("info", err)
	_ = rows
}

func f1(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	e.register("video/kept", commit(1, 3), counts{"aa": 3})
	kept := e.state("video/kept")
	e.must("drop", e.c.Drop(e.ctx, feature))
	e.must("drop again", e.c.Drop(e.ctx, feature))
	e.has("dropped", catalog.No, feature)
	e.has("its version", catalog.No, feature, catalog.WithVersion("aa"))
	e.same("history", len(e.history(feature)), 0)
	e.same("versions", len(e.counted(feature, "frames")), 0)
	e.same("features", e.features(catalog.Query{}), []core.FeatureKey{"video/kept"})
	e.same("another", e.state("video/kept"), kept)
	c := commit(1, 2)
	c.ID = "another store's"
	e.register(feature, c, counts{"bb": 2})
	e.has("the old version", e.versioned(catalog.No), feature, catalog.WithVersion("aa"))
}

// calls makes one call of each method and gives its error.
func calls(ctx context.Context, c catalog.Catalog) map[string]error {
	m := catalog.Materialization{Key: feature, Commit: commit(2, 1)}
	out := map[string]error{
		"Begin":    c.Begin(ctx, catalog.Intent{Key: feature, ID: "a"}),
		"Abandon":  c.Abandon(ctx, catalog.Intent{Key: feature, ID: "a"}),
		"Register": c.RegisterMaterialization(ctx, m, versions(map[string]counts{"frames": {"aa": 1}})),
		"Describe": c.Describe(ctx, info(feature, 3)),
		"Drop":     c.Drop(ctx, feature),
	}
	_, out["HasFeature"] = c.HasFeature(ctx, feature)
	_, out["HasFeature of a version"] = c.HasFeature(ctx, feature, catalog.WithVersion("aa"))
	_, out["Entry"] = c.Entry(ctx, feature)
	_, out["MaterializationInfo"] = c.MaterializationInfo(ctx, feature)
	for _, err := range c.Features(ctx, catalog.Query{}) {
		out["Features"] = err
	}
	for _, err := range c.History(ctx, feature) {
		out["History"] = err
	}
	for _, err := range c.MaterializedVersions(ctx, feature, "frames") {
		out["MaterializedVersions"] = err
	}
	return out
}

const methods = 12

func x1(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	e.must("close", e.c.Close())
	e.must("close again", e.c.Close())
	got := calls(e.ctx, e.c)
	for name, err := range got {
		if !errors.Is(err, core.ErrClosed) {
			e.Errorf("%s after Close: %v, want %v", name, err, core.ErrClosed)
		}
	}
	e.same("methods called", len(got), methods)
}

func x2(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	before := e.state(feature)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	got := calls(ctx, e.c)
	for name, err := range got {
		if !errors.Is(err, context.Canceled) {
			e.Errorf("%s with a cancelled context: %v", name, err)
		}
		for _, s := range core.Sentinels() {
			if errors.Is(err, s) {
				e.Errorf("%s with a cancelled context matches %v as well", name, s)
			}
		}
	}
	e.same("methods called", len(got), methods)
	e.same("after cancelled calls", e.state(feature), before)
}

// c1 has writers on features of their own and of all.
func c1(e *env) {
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range int64(writers) {
		wg.Go(func() {
			own := core.FeatureKey(fmt.Sprintf("own/f%d", w))
			for i := range int64(each) {
				e.register(own, commit(i+1, 2), counts{fmt.Sprintf("%02x", i): 1, "ff": 1})
				e.register("all/f", commit(i*writers+w+1, 2), counts{fmt.Sprintf("%02x%02x", w, i): 1, "ff": 1})
				_ = e.entry("all/f")
			}
		})
	}
	wg.Wait()
	if got := e.entry("all/f"); got.Commits != writers*each || !got.Settled() || got.Rows != 2*writers*each || got.Containers[0].Rows != 2*writers*each ||
		e.cfg.Mode == catalog.Exact && got.Containers[0].Versions != writers*each+1 {
		e.Errorf("the shared feature: %s", describe(got))
	}
	for w := range writers {
		if got := e.entry(core.FeatureKey(fmt.Sprintf("own/f%d", w))); got.Through != each || got.Rows != 2*each {
			e.Errorf("a writer's own: %s", describe(got))
		}
	}
}

func c2(e *env) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for seq := int64(1); seq <= 5; seq++ {
				e.register(feature, commit(seq, 3), counts{"aa": 2, fmt.Sprintf("%02x", seq): 1})
			}
		})
	}
	wg.Wait()
	got := e.entry(feature)
	if got.Commits != 5 || got.Rows != 15 || got.Containers[0].Rows != 15 {
		e.Errorf("%s", describe(got))
	}
}

func p1(e *env) {
	for seq := int64(1); seq <= 3; seq++ {
		e.register(feature, commit(seq, 5), counts{"aa": 3, "not hex": 1, fmt.Sprintf("%064x", seq): 1})
	}
	e.must("begin", e.c.Begin(e.ctx, catalog.Intent{Key: "video/begun", ID: "a", Begun: at(1)}))
	before, begun := e.state(feature), e.state("video/begun")
	e.c = e.cfg.Reopen(e, e.c)
	e.same("after reopening", e.state(feature), before)
	e.same("an intent", e.state("video/begun"), begun)
	e.has("a version", e.versioned(catalog.Yes), feature, catalog.WithVersion(fmt.Sprintf("%064x", 2)))
	e.register(feature, commit(4, 5), counts{"aa": 5})
	e.same("commits", e.entry(feature).Through, 4)
}
