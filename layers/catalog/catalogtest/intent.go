package catalogtest

import (
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
