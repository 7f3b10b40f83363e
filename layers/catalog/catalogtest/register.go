package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

func r1(e *env) {
	e.same("an unknown feature", describe(e.entry(feature)), describe(catalog.Entry{Key: feature, Mode: e.entry(feature).Mode}))
	e.has("before", catalog.No, feature)
	c := commit(1, 5)
	e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: c, Identity: "ada", Info: info(feature, 1)},
		versions(map[string]counts{"frames": {"abcd": 3, "not hex": 2}, "audio": {"": 4}})))
	got := e.entry(feature)
	distinct := func(n int64) int64 {
		if e.cfg.Mode == catalog.Exact {
			return n
		}
		return -1
	}
	want := catalog.Entry{
		Key: feature, Info: info(feature, 1), Commits: 1, Through: 1, Generation: 1, Rows: 5, Last: c.Time, Mode: e.cfg.Mode,
		Containers: []catalog.ContainerCount{{Container: "audio", Rows: 4, Versions: distinct(1)}, {Container: "frames", Rows: 5, Versions: distinct(2)}},
	}
	e.same("the entry", describe(got), describe(want))
	if got.Info.Schema == nil || !got.Info.Schema.Equal(want.Info.Schema) {
		e.Errorf("the schema is %v, want %v", got.Info.Schema, want.Info.Schema)
	}
	if !got.Known() || !got.Settled() {
		e.Errorf("known %t, settled %t, want both", got.Known(), got.Settled())
	}
	e.same("history", mats(e.history(feature)), mats([]catalog.Materialization{{Key: feature, Commit: c, Identity: "ada"}}))
	e.has("any", catalog.Yes, feature)
	e.has("a container", catalog.Yes, feature, catalog.InContainer("audio"))
	e.has("no container", catalog.No, feature, catalog.InContainer("other"))
	e.has("another feature", catalog.No, "video/crop")
	for _, v := range []string{"abcd", "not hex"} {
		e.has("a version", e.versioned(catalog.Yes), feature, catalog.WithVersion(v))
		e.has("a version in its container", e.versioned(catalog.Yes), feature, catalog.InContainer("frames"), catalog.WithVersion(v))
		e.has("a version elsewhere", e.versioned(catalog.No), feature, catalog.InContainer("audio"), catalog.WithVersion(v))
	}
	e.has("the empty version", e.versioned(catalog.Yes), feature, catalog.WithVersion(""))
	if e.cfg.Mode == catalog.Exact {
		e.same("versions", e.counted(feature, "frames"), []string{"not hex 2 2024-02-29T12:01:00.123456Z", "abcd 3 2024-02-29T12:01:00.123456Z"})
		e.same("of no container", e.counted(feature, "other"), []string(nil))
		e.same("of no feature", e.counted("video/crop", "frames"), []string(nil))
	} else {
		for _, err := range e.c.MaterializedVersions(e.ctx, feature, "frames") {
			if !errors.Is(err, core.ErrUnsupported) {
				e.Errorf("versions that are not kept: %v, want %v", err, core.ErrUnsupported)
			}
		}
	}
}

func r2(e *env) {
	c := commit(1, 3)
	e.register(feature, c, counts{"aa": 3})
	before := e.state(feature)
	e.register(feature, c, counts{"aa": 3})
	e.same("after the same again", e.state(feature), before)
	c.Time = c.Time.Add(300) // below what catalogs keep
	e.register(feature, c, counts{"aa": 3})
	e.same("after the same with nanoseconds", e.state(feature), before)

	// Who made it may be told later, once.
	m := catalog.Materialization{Key: feature, Commit: commit(2, 3), Info: info(feature, 2)}
	v := versions(map[string]counts{"frames": {"bb": 3}})
	e.must("register by nobody", e.c.RegisterMaterialization(e.ctx, m, v))
	for _, step := range []struct{ identity, want string }{{"", ""}, {"bob", "bob"}, {"", "bob"}, {"eve", "bob"}} {
		m.Identity = step.identity
		e.must("register again", e.c.RegisterMaterialization(e.ctx, m, v))
		m.Identity, m.Info = step.want, core.Info{}
		e.same("history", mats(e.history(feature)[1:]), mats([]catalog.Materialization{m}))
	}
	if got := e.entry(feature); got.Commits != 2 || got.Rows != 6 || len(e.counted(feature, "frames")) > 2 {
		e.Errorf("after being told who: %s", describe(got))
	}
}

func r3(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	before := e.state(feature)
	for what, change := range map[string]func(*core.Commit){
		"id":         func(c *core.Commit) { c.ID = "other" },
		"rows":       func(c *core.Commit) { c.Rows++ },
		"time":       func(c *core.Commit) { c.Time = at(99) },
		"tombstones": func(c *core.Commit) { c.Tombstones = true },
	} {
		c := commit(1, 3)
		change(&c)
		err := e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: c, Info: info(feature, 9)}, versions(map[string]counts{"frames": {"bb": 3}}))
		if !errors.Is(err, core.ErrConflict) {
			e.Errorf("another %s under the same number: %v, want %v", what, err, core.ErrConflict)
		}
		e.same("after another "+what, e.state(feature), before)
	}
}

func r4(e *env) {
	for i, step := range []struct{ seq, through int64 }{{3, 0}, {1, 1}, {5, 1}, {2, 3}, {4, 5}} {
		e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(step.seq, 2)},
			versions(map[string]counts{"frames": {"aa": 1, fmt.Sprintf("%02x", step.seq): 1}})))
		got := e.entry(feature)
		if got.Commits != int64(i+1) || got.Through != step.through || got.Settled() != (got.Through == got.Generation) || got.Rows != 2*got.Commits {
			e.Errorf("after commit %d: %d commits, through %d, settled %t, rows %d", step.seq, got.Commits, got.Through, got.Settled(), got.Rows)
		}
		if p := map[bool]catalog.Presence{true: catalog.No, false: catalog.Maybe}[got.Settled()]; e.cfg.Mode != catalog.Counts {
			e.has("a version that was not written", p, feature, catalog.WithVersion("ff"))
		}
	}
	var seqs []int64
	for _, m := range e.history(feature) {
		seqs = append(seqs, m.Commit.Seq)
	}
	e.same("history", seqs, []int64{1, 2, 3, 4, 5})
	if got := e.entry(feature); !got.Last.Equal(at(5)) || got.Generation != 5 {
		e.Errorf("last is %s of generation %d", got.Last, got.Generation)
	}
	if got := e.counted(feature, "frames"); e.cfg.Mode == catalog.Exact && (len(got) != 6 || !strings.HasPrefix(got[5], "aa 5 2024-02-29T12:05")) {
		e.Errorf("versions %q: the last time of aa is that of commit 5", got)
	}
}

func r5(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	c := commit(2, 2)
	c.Tombstones = true
	e.must("tombstones", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: c}, catalog.Versions{}))
	e.must("empty", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: feature, Commit: commit(3, 0)}, catalog.Versions{}))
	got := e.entry(feature)
	if got.Commits != 3 || got.Through != 3 || got.Rows != 3 || len(got.Containers) != 1 {
		e.Errorf("%s", describe(got))
	}
	if h := e.history(feature); len(h) != 3 || !h[1].Commit.Tombstones {
		e.Errorf("history %v", mats(h))
	}
	e.must("an empty first commit", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: "video/empty", Commit: commit(1, 0)}, catalog.Versions{}))
	e.has("an empty feature", catalog.Yes, "video/empty")
	e.has("its rows", catalog.No, "video/empty", catalog.InContainer("frames"))
}

// r6 breaks the source of versions at every place, and cancels it there.
func r6(e *env) {
	e.register(feature, commit(1, 3), counts{"aa": 3})
	before := e.state(feature)
	if e.cfg.Mode == catalog.Counts {
		return // no source is read
	}
	for stop := range 3 {
		for what, broken := range map[string]func(context.CancelFunc) bool{
			"breaks":  func(context.CancelFunc) bool { return false },
			"cancels": func(cancel context.CancelFunc) bool { cancel(); return true },
		} {
			ctx, cancel := context.WithCancel(e.ctx)
			v := versions(map[string]counts{"audio": {"aa": 1}, "frames": {"01": 1, "02": 1, "03": 1}})
			whole := v.Containers[1].Sorted
			v.Containers[1].Sorted = breaking(whole, stop, func() bool { return broken(cancel) })
			err := e.c.RegisterMaterialization(ctx, catalog.Materialization{Key: feature, Commit: commit(2, 3), Info: info(feature, 2)}, v)
			if cancelled := ctx.Err() != nil; err == nil && (what == "breaks" || !cancelled) {
				e.Errorf("a source that %s after %d: no error", what, stop)
			}
			cancel()
			if err != nil {
				e.same(fmt.Sprintf("after a source that %s after %d", what, stop), e.state(feature), before)
			} else if e.entry(feature).Through == 2 { // it was quicker than the cancellation
				return
			}
		}
	}
	e.register(feature, commit(2, 3), counts{"01": 3})
}

// breaking ends a sequence early unless goOn says otherwise.
func breaking(seq iter.Seq2[[]byte, int64], after int, goOn func() bool) iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		n := 0
		for v, rows := range seq {
			if n++; n > after && !goOn() || !yield(v, rows) {
				return
			}
		}
	}
}

// r7 compares random commits with a plain map.
func r7(e *env) {
	version := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{2}`), rapid.StringMatching(`[0-9a-f]{64}`), rapid.StringMatching(`[A-Z|\\é]{0,3}`))
	const commits = 30
	model := map[string]int64{}
	last := map[string]int64{}
	var rows int64
	for seq := int64(1); seq <= commits; seq++ {
		c := counts{}
		for i := range 40 {
			v := version.Example(int(seq)*1000 + i)
			c[v] += int64(i) + 1
			model[v] += int64(i) + 1
			last[v] = seq
			rows += int64(i) + 1
		}
		e.register(feature, commit(seq, 100), c)
	}
	var want []string
	for _, v := range inOrder(keysOf(model)) {
		want = append(want, fmt.Sprintf("%s %d %s", v, model[v], at(last[v]).Format("2006-01-02T15:04:05.999999999Z07:00")))
		e.has("a written version", e.versioned(catalog.Yes), feature, catalog.InContainer("frames"), catalog.WithVersion(v))
	}
	if e.cfg.Mode == catalog.Exact {
		e.same("versions", strings.Join(e.counted(feature, "frames"), "\n"), strings.Join(want, "\n"))
		e.same("distinct", e.entry(feature).Containers[0].Versions, len(model))
	}
	e.same("rows", e.entry(feature).Containers[0].Rows, rows)
}

func keysOf(m map[string]int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func r8(e *env) {
	for _, key := range []core.FeatureKey{"", "..", "a//b", "A", "a'b", core.FeatureKey(strings.Repeat("x", 10_000)), "a\x00b"} {
		for what, err := range map[string]error{
			"register": e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: key, Commit: commit(1, 1)}, catalog.Versions{}),
			"begin":    e.c.Begin(e.ctx, catalog.Intent{Key: key, ID: "x"}),
			"abandon":  e.c.Abandon(e.ctx, catalog.Intent{Key: key, ID: "x"}),
			"describe": e.c.Describe(e.ctx, core.Info{Key: key}),
		} {
			if !errors.Is(err, core.ErrInvalid) {
				e.Errorf("%s a key of %d bytes: %v, want %v", what, len(key), err, core.ErrInvalid)
			}
		}
		if x, err := e.c.Entry(e.ctx, key); x.Known() || err != nil && !errors.Is(err, core.ErrInvalid) {
			e.Errorf("a hostile key is known %t, %v", x.Known(), err)
		}
	}
	for what, m := range map[string]catalog.Materialization{
		"commit 0":        {Key: feature},
		"another's info":  {Key: feature, Commit: commit(1, 1), Info: info("video/crop", 1)},
		"negative commit": {Key: feature, Commit: core.Commit{Seq: -1}},
	} {
		if err := e.c.RegisterMaterialization(e.ctx, m, catalog.Versions{}); !errors.Is(err, core.ErrInvalid) {
			e.Errorf("%s: %v, want %v", what, err, core.ErrInvalid)
		}
	}
	if err := e.c.Begin(e.ctx, catalog.Intent{Key: feature}); !errors.Is(err, core.ErrInvalid) {
		e.Errorf("an intent without an id: %v, want %v", err, core.ErrInvalid)
	}
	e.same("features", e.features(catalog.Query{}), []core.FeatureKey(nil))
}
