package fallback_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

// dev → staging → prod, depth first, then an archive beside staging.
func TestDepthFirst(t *testing.T) {
	prod, archive, stagingBase, base := open(t), open(t), open(t), open(t)
	staging := over(t, stagingBase, fallback.NewWith(fallback.Leg("prod", prod)))
	dev := over(t, base, fallback.NewWith(fallback.Leg("staging", staging), fallback.Leg("archive", archive)))

	put(t, archive, "a", versions{"x": "archive"})
	put(t, archive, "d", versions{"x": "archive"})
	put(t, prod, "a", versions{"x": "prod", "y": "prod"})
	put(t, stagingBase, "b/c", versions{"x": "staging"})
	for key, want := range map[core.FeatureKey]struct{ version, origin string }{
		"a": {"prod", "prod"}, "d": {"archive", "archive"}, "b/c": {"staging", "staging"},
	} {
		if got := get(t, dev, core.ReadRequest{Key: key}); got["x"] != want.version {
			t.Errorf("%s: read %v, want %s", key, got, want.version)
		}
		if info, err := dev.Stat(t.Context(), core.StatRequest{Key: key}); err != nil || info.Origin != want.origin {
			t.Errorf("%s: from %q (%v), want %q", key, info.Origin, err, want.origin)
		}
		if rows, err := dev.Read(t.Context(), core.ReadRequest{Key: key}); err != nil || rows.Origin != want.origin {
			t.Errorf("%s: rows from %q (%v), want %q", key, rows.Origin, err, want.origin)
		}
	}
	// Writing here hides all of it, whatever the filter leaves.
	put(t, dev, "a", versions{"z": "dev"})
	if got := get(t, dev, core.ReadRequest{Key: "a", Filter: expr.Col(core.DefaultID).Eq("x")}); len(got) != 0 {
		t.Errorf("rows of two stores were merged: %v", got)
	}
	if got := get(t, prod, core.ReadRequest{Key: "a"}); len(got) != 2 {
		t.Errorf("the write reached prod: %v", got)
	}
	if info, err := dev.Stat(t.Context(), core.StatRequest{Key: "a"}); err != nil || info.Origin != "" {
		t.Errorf("own feature from %q (%v)", info.Origin, err)
	}
}

// An empty table here proves nothing about a leg that cannot be asked.
func TestEmptyHereAndUnavailableThere(t *testing.T) {
	base, prod := open(t), watch(open(t))
	put(t, base, "a", versions{})
	put(t, prod.next, "a", versions{"x": "prod"})
	dev := over(t, base, fallback.NewWith(fallback.Leg("prod", prod), fallback.OnUnavailable()))
	if got := get(t, dev, core.ReadRequest{Key: "a"}); got["x"] != "prod" {
		t.Errorf("read %v", got)
	}
	prod.failAll(core.ErrUnavailable)
	if rows, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"}); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("prod holds rows and is down: %+v, %v", rows, err)
	}
	if _, err := dev.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("stat while prod is down: %v", err)
	}
}

func TestNotFound(t *testing.T) {
	dev := over(t, open(t), fallback.NewWith(fallback.Leg("staging", open(t)), fallback.Leg("prod", open(t))))
	_, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
	var e *core.Error
	if !errors.Is(err, core.ErrFeatureNotFound) || !errors.As(err, &e) || e.Op != core.OpRead || e.Key != "a" ||
		!strings.Contains(err.Error(), "nor in staging, prod") {
		t.Errorf("got %v", err)
	}
}

func TestLocal(t *testing.T) {
	prod := open(t)
	put(t, prod, "a", versions{"x": "prod"})
	dev := over(t, open(t), fallback.New(prod))
	if _, err := dev.Read(t.Context(), core.ReadRequest{Key: "a", Local: true}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("Read: %v", err)
	}
	if _, err := dev.Stat(t.Context(), core.StatRequest{Key: "a", Local: true}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("Stat: %v", err)
	}
	for info := range dev.List(t.Context(), core.ListRequest{Local: true}) {
		t.Errorf("List: %s", info.Key)
	}
	put(t, prod, root, versions{"x": "1"})
	if _, err := dev.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, leaf), Local: true}); !errors.Is(err, core.ErrDependency) {
		t.Errorf("Resolve: %v", err)
	}
}

// Only "not found" moves on, and "unavailable" where asked. A denial or a
// broken integrity never does.
func TestWhatMovesOn(t *testing.T) {
	for _, sentinel := range core.Sentinels() {
		for _, asked := range []bool{false, true} {
			prod, base := open(t), watch(open(t))
			put(t, prod, "a", versions{"x": "prod"})
			base.failAll(sentinel)
			opts := []fallback.Option{fallback.Leg("prod", prod)}
			if asked {
				opts = append(opts, fallback.OnUnavailable())
			}
			dev := over(t, base, fallback.NewWith(opts...))
			moves := errors.Is(sentinel, core.ErrFeatureNotFound) || asked && errors.Is(sentinel, core.ErrUnavailable)

			_, read := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
			_, stat := dev.Stat(t.Context(), core.StatRequest{Key: "a"})
			for op, err := range map[string]error{"read": read, "stat": stat} {
				if moves != (err == nil) || err != nil && !errors.Is(err, sentinel) {
					t.Errorf("%s, %v here, asked for unavailable %t: %v", op, sentinel, asked, err)
				}
			}
		}
	}
}

// A store that cannot be reached may hold the feature: it is never reported as
// missing.
func TestUnavailableIsNotMissing(t *testing.T) {
	base := watch(open(t))
	base.failAll(core.ErrUnavailable)
	dev := over(t, base, fallback.NewWith(fallback.Leg("prod", open(t)), fallback.OnUnavailable()))
	_, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
	if !errors.Is(err, core.ErrUnavailable) || errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsNameTheLeg(t *testing.T) {
	prod := watch(open(t))
	prod.failAll(core.ErrDenied)
	_, err := over(t, open(t), fallback.NewWith(fallback.Leg("prod", prod))).Read(t.Context(), core.ReadRequest{Key: "a"})
	var e *core.Error
	if !errors.Is(err, core.ErrDenied) || !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "fallback prod: ") {
		t.Errorf("got %v", err)
	}
}

// A table into which no row was ever written hides nothing; one whose samples
// were all retired does.
func TestEmptyTables(t *testing.T) {
	prod, base := open(t), open(t)
	put(t, prod, "a", versions{"x": "prod"})
	put(t, base, "a", versions{})
	put(t, base, "d", versions{})
	dev := over(t, base, fallback.NewWith(fallback.Leg("prod", prod)))
	for range 2 {
		if got := get(t, dev, core.ReadRequest{Key: "a"}); got["x"] != "prod" {
			t.Errorf("an empty table hides prod: %v", got)
		}
		if info, err := dev.Stat(t.Context(), core.StatRequest{Key: "a"}); err != nil || info.Origin != "prod" {
			t.Errorf("Stat: %q %v", info.Origin, err)
		}
		if got := get(t, dev, core.ReadRequest{Key: "d"}); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	}
	put(t, dev, "a", versions{"y": "dev"})
	put(t, dev, "a", versions{"y": ""}) // retired: the table counts now
	fresh := over(t, base, fallback.NewWith(fallback.Leg("prod", prod)))
	for _, s := range []core.Store{dev, fresh} {
		if got := get(t, s, core.ReadRequest{Key: "a"}); len(got) != 0 {
			t.Errorf("a table whose samples were retired hides nothing: %v", got)
		}
	}
}

func TestRetire(t *testing.T) {
	prod, base := open(t), open(t)
	put(t, prod, "a", versions{"x": "prod", "y": "prod"})
	dev := over(t, base, fallback.NewWith(fallback.Leg("prod", prod)))
	err := tryPut(t, dev, "a", versions{"x": ""})
	if !errors.Is(err, core.ErrUnsupported) || !strings.Contains(err.Error(), "prod") {
		t.Errorf("retiring what prod alone holds: %v", err)
	}
	if err := tryPut(t, dev, "d", versions{"x": ""}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("retiring what nobody holds: %v", err)
	}
	put(t, base, "a", versions{}) // an empty table does not count here either
	if err := tryPut(t, dev, "a", versions{"x": ""}); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("with an empty table here: %v", err)
	}
	put(t, dev, "a", versions{"x": "dev", "y": "dev"})
	put(t, dev, "a", versions{"x": ""})
	if got := get(t, dev, core.ReadRequest{Key: "a"}); !maps.Equal(got, versions{"y": "dev"}) {
		t.Errorf("got %v", got)
	}
}

func TestEvolveStaysHere(t *testing.T) {
	prod := open(t)
	put(t, prod, "a", versions{"x": "prod"})
	dev := over(t, open(t), fallback.New(prod))
	_, err := dev.Evolve(t.Context(), core.EvolveRequest{Key: "a", Base: 1, Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: "q", To: "r"}}})
	if !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("got %v", err)
	}
}

// What is known to be here costs one call; nothing is asked of the legs.
func TestCalls(t *testing.T) {
	base, prod := watch(open(t)), watch(open(t))
	put(t, base, "a", versions{"x": "dev"})
	dev := over(t, base, fallback.New(prod))
	for range 10 {
		_ = get(t, dev, core.ReadRequest{Key: "a"})
	}
	if base.calls[core.OpRead] != 10 || base.calls[core.OpStat] != 1 || len(prod.calls) != 0 {
		t.Errorf("here %v, prod %v", base.calls, prod.calls)
	}
	put(t, dev, "d", versions{"x": "dev"})
	_ = get(t, dev, core.ReadRequest{Key: "d"})
	if base.calls[core.OpStat] != 1 {
		t.Error("a feature written through this layer was asked for")
	}
}

// Somebody removed the feature beneath us: the legs are asked again.
func TestForgets(t *testing.T) {
	base, prod := watch(open(t)), open(t)
	put(t, prod, "a", versions{"x": "prod"})
	dev := over(t, base, fallback.New(prod))
	put(t, dev, "a", versions{"x": "dev"})
	base.failAll(core.ErrFeatureNotFound)
	if got := get(t, dev, core.ReadRequest{Key: "a"}); got["x"] != "prod" {
		t.Errorf("got %v", got)
	}
}

// Who may read but not ask for more is not led past what he read.
func TestStatRefused(t *testing.T) {
	for _, refusal := range []error{core.ErrDenied, core.ErrFeatureNotFound, core.ErrUnsupported} {
		base, prod := watch(open(t)), open(t)
		put(t, base, "a", versions{"x": "dev"})
		put(t, prod, "a", versions{"x": "prod"})
		base.fail[core.OpStat] = refusal
		if got := get(t, over(t, base, fallback.New(prod)), core.ReadRequest{Key: "a"}); got["x"] != "dev" {
			t.Errorf("%v: got %v", refusal, got)
		}
	}
}

func TestWrapRefuses(t *testing.T) {
	base := open(t)
	stacked, err := compose.New(base, compose.KeepBaseOpen())
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]*fallback.Fallback{
		"nil leg": fallback.New(nil), "one name twice": fallback.NewWith(fallback.Leg("p", open(t)), fallback.Leg("p", open(t))),
		"itself": fallback.New(base), "a stack over itself": fallback.New(stacked),
	} {
		if _, err := l.Wrap(base); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fallback.New().Wrap(nil); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("nothing to wrap: %v", err)
	}
}

func TestClose(t *testing.T) {
	base, kept, owned := watch(open(t)), watch(open(t)), watch(open(t))
	owned.fail[core.OpClose] = core.ErrUnavailable
	first := over(t, base, fallback.New(kept))
	second := over(t, base, fallback.NewWith(fallback.Leg("prod", owned), fallback.OwnLegs()))
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); !errors.Is(err, core.ErrUnavailable) || !strings.Contains(err.Error(), "prod") {
		t.Error(err)
	}
	_ = second.Close()
	if base.closed != 0 || kept.closed != 0 || owned.closed != 1 {
		t.Errorf("closed: base %d, kept %d, owned %d", base.closed, kept.closed, owned.closed)
	}
	if _, err := first.Read(t.Context(), core.ReadRequest{Key: "a"}); !errors.Is(err, core.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Reads may be answered by a leg, so what is claimed of reads is what all can.
func TestCapabilities(t *testing.T) {
	base := open(t)
	weak := poor{watch(open(t))}
	got := over(t, base, fallback.New(weak)).Capabilities()
	want := base.Capabilities()
	want.PushFilters, want.PushColumns, want.TimeTravel = 0, false, false
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := over(t, base, fallback.New(open(t))).Capabilities(); got != base.Capabilities() {
		t.Errorf("among equals: %+v", got)
	}
}

type poor struct{ *probe }

func (poor) Capabilities() core.Capabilities { return core.Capabilities{} }

func TestInfo(t *testing.T) {
	prod, err := compose.New(open(t), compose.Named("prod"))
	if err != nil {
		t.Fatal(err)
	}
	info := fallback.NewWith(fallback.Leg("", prod), fallback.Leg("", open(t)), fallback.Leg("", open(t)), fallback.OnUnavailable()).Info()
	if info.Summary != "prod, memory, memory 2, also when unavailable" || info.Phase != core.PhaseFallback || len(info.Legs) != 3 {
		t.Errorf("%+v", info)
	}
	if l := info.Legs[0]; l.Name != "prod" || l.Backend != "memory" {
		t.Errorf("%+v", l)
	}
}
