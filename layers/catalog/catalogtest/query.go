package catalogtest

import (
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

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
