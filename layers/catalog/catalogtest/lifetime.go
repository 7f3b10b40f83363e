package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

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
