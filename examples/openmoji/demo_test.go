package main

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnMemory(t *testing.T) { check(t, memory.New()) }

// check runs the demo and compares it with the numbers that are known.
func check(t *testing.T, store core.Store) {
	t.Helper()
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	graph, err := core.NewGraph(features()...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o, err := demo{store: store, graph: graph, out: printer{w: &out}}.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := map[core.FeatureKey]core.Stats{
		source:    {New: 218, Stale: 233, Orphaned: 15, StaleBy: map[string]int64{"color": 125, "black": 121, "text": 136}},
		thumbnail: {New: 218, Stale: 125, Orphaned: 15, StaleBy: map[string]int64{"image": 125}},
		outline:   {New: 218, Stale: 121, Orphaned: 15, StaleBy: map[string]int64{"image": 121}},
		embedding: {New: 218, Stale: 136, Orphaned: 15, StaleBy: map[string]int64{"vector": 136}},
		entry:     {New: 218, Stale: 233, Orphaned: 15, StaleBy: map[string]int64{"picture": 125, "words": 136}},
	}
	compare(t, "plan", o.plan, want)
	compare(t, "written", o.done, want)
	if len(o.again) != 5 {
		t.Errorf("the second run looked at %d features, want 5", len(o.again))
	}
	for _, l := range o.again {
		if !l.stats.Clean() || l.stats.Unchanged != 4495 {
			t.Errorf("the second run finds %+v in %s", l.stats, l.feature)
		}
	}
	if o.differ != 3707 || o.common != 4277 {
		t.Errorf("whole rows: %d of %d, want 3707 of 4277", o.differ, o.common)
	}
	spaced := strings.Join(strings.Fields(out.String()), " ")
	for _, line := range []string{"openmoji/search_entry 218 233 15 4,044 picture 125, words 136", "3,707 rows differ", "nothing is new, stale or gone"} {
		if !strings.Contains(spaced, line) {
			t.Errorf("the output lacks %q:\n%s", line, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colour where there is no terminal")
	}
}

func compare(t *testing.T, what string, got []planLine, want map[core.FeatureKey]core.Stats) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d features, want %d", what, len(got), len(want))
	}
	for _, l := range got {
		g, w := l.stats, want[l.feature]
		if g.New != w.New || g.Stale != w.Stale || g.Orphaned != w.Orphaned || g.Missing != 0 || g.Unchanged != 4277-w.Stale {
			t.Errorf("%s: %s is %+v, want %+v", what, l.feature, g, w)
		}
		by := maps.Clone(g.StaleBy)
		maps.DeleteFunc(by, func(_ string, n int64) bool { return n == 0 })
		if !maps.Equal(by, w.StaleBy) {
			t.Errorf("%s: %s is stale by %v, want %v", what, l.feature, by, w.StaleBy)
		}
	}
}

// universal answers every resolve by reading, whatever the store could do.
type universal struct{ next core.Store }

func (u universal) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	return resolve.ByReading(ctx, u, req)
}

func (u universal) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	return u.next.Write(ctx, req)
}

func (u universal) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	return u.next.Read(ctx, req)
}

func (u universal) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return u.next.List(ctx, req)
}

func (u universal) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	return u.next.Stat(ctx, req)
}

func (u universal) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	return u.next.Evolve(ctx, req)
}

func (u universal) Capabilities() core.Capabilities {
	c := u.next.Capabilities()
	c.NativeResolve = false
	return c
}

func (u universal) Close() error { return u.next.Close() }
