package fallback_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

func resolved(t *testing.T, s core.Store, req core.ResolveRequest) core.Increment {
	t.Helper()
	inc, err := s.Resolve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

// materialize writes what is new or stale.
func materialize(t *testing.T, s core.Store, inc core.Increment) {
	t.Helper()
	v := gather(t, inc.New)
	maps.Copy(v, gather(t, inc.Stale))
	put(t, s, leaf, v)
}

// Where everything is here, or nowhere, the store below resolves.
func TestResolveNatively(t *testing.T) {
	base := watch(open(t))
	put(t, base, root, versions{"x": "1", "y": "1"})
	dev := over(t, base, fallback.New(open(t)))
	if inc := resolved(t, dev, core.ResolveRequest{Plan: planOf(t, leaf)}); inc.Stats.New != 2 || base.calls[core.OpResolve] != 1 {
		t.Errorf("%+v, %v", inc.Stats, base.calls)
	}
}

// A missing dependency here does not hide the one that a leg has.
func TestResolveUpstreamInLeg(t *testing.T) {
	base, prod, alone := watch(open(t)), open(t), open(t)
	for _, s := range []core.Store{prod, alone} {
		put(t, s, root, versions{"x": "1", "y": "1"})
	}
	dev := over(t, base, fallback.New(prod))
	inc := resolved(t, dev, core.ResolveRequest{Plan: planOf(t, leaf)})
	want := resolved(t, alone, core.ResolveRequest{Plan: planOf(t, leaf)})
	if !maps.Equal(gather(t, inc.New), gather(t, want.New)) || base.calls[core.OpResolve] != 0 {
		t.Errorf("got %v, want %v", gather(t, inc.New), gather(t, want.New))
	}
	if inc.Basis != nil {
		t.Errorf("the leg's commit numbers came along: %v", inc.Basis)
	}
	materialize(t, dev, inc)
	if again := resolved(t, dev, core.ResolveRequest{Plan: planOf(t, leaf)}); !again.Stats.Clean() || again.Stats.Unchanged != 2 {
		t.Errorf("resolved again: %+v", again.Stats)
	}
	put(t, prod, root, versions{"x": "2"})
	put(t, prod, root, versions{"y": ""})
	again := resolved(t, dev, core.ResolveRequest{Plan: planOf(t, leaf)})
	if again.Stats.Stale != 1 || again.Stats.Orphaned != 1 {
		t.Errorf("after a change in prod: %+v", again.Stats)
	}
}

func TestResolveMissingEverywhere(t *testing.T) {
	dev := over(t, open(t), fallback.New(open(t)))
	if _, err := dev.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, leaf)}); !errors.Is(err, core.ErrDependency) {
		t.Errorf("got %v", err)
	}
}

// A feature that prod holds is not computed again while prod is current. Once
// it is not, all of it is new here: writing the difference alone would hide
// the rest.
func TestResolveFeatureInLeg(t *testing.T) {
	prod := open(t)
	put(t, prod, root, versions{"x": "1", "y": "1", "z": "1"})
	materialize(t, prod, resolved(t, prod, core.ResolveRequest{Plan: planOf(t, leaf)}))

	base := open(t)
	dev := over(t, base, fallback.New(prod))
	report := over(t, base, fallback.NewWith(fallback.Leg("prod", prod), fallback.CompareAsRead()))
	req := core.ResolveRequest{Plan: planOf(t, leaf)}
	if inc := resolved(t, dev, req); !inc.Stats.Clean() || inc.Stats.Unchanged != 3 {
		t.Errorf("prod is current: %+v", inc.Stats)
	}
	put(t, dev, root, versions{"x": "2", "y": "1", "z": "1"}) // a branch with other data
	if inc := resolved(t, report, req); inc.Stats.Stale != 1 || inc.Stats.Unchanged != 2 {
		t.Errorf("the difference: %+v", inc.Stats)
	}
	inc := resolved(t, dev, req)
	if inc.Stats.New != 3 || inc.Stats.Stale != 0 {
		t.Errorf("prod is not current: %+v", inc.Stats)
	}
	materialize(t, dev, inc)
	if again := resolved(t, dev, req); !again.Stats.Clean() || again.Stats.Unchanged != 3 {
		t.Errorf("resolved again: %+v", again.Stats)
	}
	if got := get(t, prod, core.ReadRequest{Key: leaf}); len(got) != 3 {
		t.Errorf("prod was written to: %v", got)
	}
}

// The samples of a root feature may be a stream that can be read once.
func TestResolveRootInLeg(t *testing.T) {
	prod := open(t)
	put(t, prod, root, versions{"x": "1", "y": "1"})
	dev := over(t, open(t), fallback.New(prod))
	once := func(v versions) core.ResolveRequest {
		rows := v.rows()
		return core.ResolveRequest{Plan: planOf(t, root), Samples: core.Rows{Schema: rows.Schema, Batches: core.Once(rows.Batches)}}
	}
	if inc := resolved(t, dev, once(versions{"x": "1", "y": "1"})); !inc.Stats.Clean() {
		t.Errorf("prod is current: %+v", inc.Stats)
	}
	if inc := resolved(t, dev, once(versions{"x": "2", "y": "1"})); inc.Stats.New != 2 {
		t.Errorf("prod is not current: %+v", inc.Stats)
	}
	broken := once(versions{"x": "1"})
	broken.Samples.Batches = func(yield func(arrow.RecordBatch, error) bool) { yield(nil, core.ErrUnavailable) }
	if _, err := dev.Resolve(t.Context(), broken); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a source that fails: %v", err)
	}
}
