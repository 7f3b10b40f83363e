package catalog_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// A catalog is not emptied by a store that is not its own.
func TestWrongStore(t *testing.T) {
	keys := []core.FeatureKey{"audio/x", "video/a", "video/b", "video/c", "video/d"}
	for held := range len(keys) + 1 {
		for _, prefix := range []string{"", "video/"} {
			own, cat, wrong := newStore(t), catalog.NewMemory(), newStore(t)
			s := wrap(t, catalog.New(cat), own)
			for _, key := range keys {
				write(t, s, key, samplesOf(2, 0)...)
			}
			for _, key := range keys[:held] {
				write(t, wrong, key, samplesOf(2, 0)...)
			}
			k := catalog.New(cat)
			wrap(t, k, wrong)
			for what, run := range map[string]func(context.Context, catalog.Job) (catalog.Report, error){"reconcile": k.Reconcile, "rebuild": k.Rebuild} {
				r, err := run(t.Context(), catalog.Job{Prefix: prefix})
				if refused := errors.Is(err, core.ErrConflict); refused != (held <= 2) || err != nil && !refused {
					t.Errorf("%s of %q: the store holds %d of 5: %+v, %v", what, prefix, held, r, err)
				}
				if held > 2 {
					break // the other has nothing left to refuse
				}
			}
			if held > 2 {
				continue
			}
			agree(t, own, cat)
			if _, err := k.Reconcile(t.Context(), catalog.Job{AllowDrop: true, Sample: 1}); err != nil {
				t.Error(err)
			}
			agree(t, wrong, cat)
		}
	}
}

// What was written between the two lists is not lost.
func TestNotLost(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	s := wrap(t, catalog.New(cat, catalog.NoCatchUp()), inner)
	for _, key := range []core.FeatureKey{"video/0", "video/a"} { // the second is told of once the first was
		if err := cat.Begin(t.Context(), catalog.Intent{Key: key, ID: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	after := func() { write(t, s, "video/a", samplesOf(1, 0)...) }
	k := catalog.New(cat)
	wrap(t, k, listed{inner, &after})
	if _, err := k.Reconcile(t.Context(), catalog.Job{AbandonAfter: time.Nanosecond}); err != nil {
		t.Error(err)
	}
	agree(t, inner, cat)
}

// A run in pieces says nothing of the rest, and all of them together what a
// whole one does.
func TestPieces(t *testing.T) {
	inner, cat := drifted(t)
	k := catalog.New(cat, catalog.NoCatchUp(), catalog.MaxAge(time.Hour))
	s := wrap(t, k, inner)
	all := func(run func(context.Context, catalog.Job) (catalog.Report, error)) {
		t.Helper()
		job := catalog.Job{Sample: 1, Limit: 2}
		for pieces := 1; ; pieces++ {
			before := k.Drift()
			r, err := run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if r.Whole() || r.MissProbability(0.2) != 1 {
				t.Errorf("piece %d: whole %t, missed with %v", pieces, r.Whole(), r.MissProbability(0.2))
			}
			if job.After = r.Cursor; r.Done {
				return
			}
			if k.Drift() != before {
				t.Errorf("piece %d: %+v", pieces, k.Drift())
			}
		}
	}
	all(k.Verify)
	if want := (catalog.Drift{Missing: 1, Extra: 1, Stale: 1, Counts: 1}); k.Drift() != want {
		t.Errorf("%+v", k.Drift())
	}
	all(k.Reconcile)
	if !k.Drift().Clean() {
		t.Errorf("%+v", k.Drift())
	}
	agree(t, inner, cat)
	if notFound(t, s, "a/fine") || k.Stats().Answered == 0 {
		t.Error("a comparison in pieces is not one of the whole")
	}
	// A run that leaves features out is none.
	write(t, inner, "a/later", samplesOf(1, 0)...)
	if _, err := k.Verify(t.Context(), catalog.Job{After: "a/fine"}); err != nil || !k.Drift().Clean() {
		t.Errorf("%v, %+v", err, k.Drift())
	}
}

// listed is a store in which something happens once it was listed.
type listed struct {
	core.Store
	after *func()
}

func (l listed) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		for i, err := range l.Store.List(ctx, req) {
			if !yield(i, err) {
				return
			}
		}
		once(l.after)
	}
}
