package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// drifted makes a store and a catalog with one drift of each kind.
func drifted(tb testing.TB) (core.Store, catalog.Catalog) {
	tb.Helper()
	ctx := tb.Context()
	inner, cat := newStore(tb), catalog.NewMemory()
	s := wrap(tb, catalog.New(cat), inner)
	for _, key := range []core.FeatureKey{"a/fine", "a/stale", "a/counts"} {
		write(tb, s, key, samplesOf(4, 0)...)
	}
	write(tb, inner, "a/stale", samplesOf(2, 1)...)
	write(tb, inner, "a/stale", samplesOf(2, 2)...)
	write(tb, inner, "a/missing", samplesOf(2, 0)...)
	register := func(key core.FeatureKey, c core.Commit, info core.Info, n int) {
		v := catalog.Versions{Containers: []catalog.ContainerVersions{{Container: "frames", Rows: int64(n), Distinct: 1, Sorted: func(yield func([]byte, int64) bool) {
			yield(catalog.EncodeVersion(nil, "v9"), int64(n))
		}}}}
		if err := cat.RegisterMaterialization(ctx, catalog.Materialization{Key: key, Commit: c, Info: info}, v); err != nil {
			tb.Fatal(err)
		}
	}
	register("a/extra", core.Commit{Seq: 1, Rows: 3}, core.Info{}, 3)
	info, err := inner.Stat(ctx, core.StatRequest{Key: "a/counts", Commits: -1})
	if err != nil {
		tb.Fatal(err)
	}
	if err := cat.Drop(ctx, "a/counts"); err != nil {
		tb.Fatal(err)
	}
	register("a/counts", info.Log[0], info, 4)
	return inner, cat
}

func TestDriftOfEachKind(t *testing.T) {
	inner, cat := drifted(t)
	k := catalog.New(cat, catalog.NoCatchUp())
	wrap(t, k, inner)
	quick, err := k.Verify(t.Context(), catalog.Job{})
	if want := (catalog.Drift{Missing: 1, Extra: 1, Stale: 1}); err != nil || quick.Drift != want || quick.Checked != 5 || k.Drift() != want {
		t.Errorf("by lists: %+v, %v", quick, err)
	}
	if quick.MissProbability(0.5) != 1 {
		t.Error("lists say nothing of versions")
	}
	var seen []int64
	full, err := k.Verify(t.Context(), catalog.Job{Sample: 1, Progress: func(r catalog.Report) { seen = append(seen, r.Checked) }})
	if want := (catalog.Drift{Missing: 1, Extra: 1, Stale: 1, Counts: 1}); err != nil || full.Drift != want || !full.Done || full.MissProbability(0.01) != 0 {
		t.Errorf("in depth: %+v, %v", full, err)
	}
	got := ""
	for _, f := range full.Findings {
		got += fmt.Sprintf("%s %s: %s\n", f.Key, f.Kind, f.Text)
	}
	if want := `a/counts counts: container audio: 4 rows of 4 versions, registered are 0 of 0
a/extra extra: the store does not hold it, the catalog knows 1 commits
a/missing missing: the store holds 1 commits
a/stale stale: 1 of 3 commits are registered
`; got != want {
		t.Errorf("findings:\n%s", got)
	}
	if fmt.Sprint(seen) != "[1 2 3 4 5]" {
		t.Errorf("progress %v", seen)
	}
	r, err := k.Reconcile(t.Context(), catalog.Job{Sample: 1})
	if err != nil || r.Repaired != 4 || r.Commits != 4 || !k.Drift().Clean() {
		t.Errorf("%+v, %v", r, err)
	}
	agree(t, inner, cat)
	clean(t, k, catalog.Job{Sample: 1})
}

func TestRebuildMendsEverything(t *testing.T) {
	inner, cat := drifted(t)
	k := catalog.New(cat, catalog.NoCatchUp())
	wrap(t, k, inner)
	r, err := k.Rebuild(t.Context(), catalog.Job{})
	if err != nil || r.Commits != 6 || r.Checked != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	agree(t, inner, cat)
}

// Catching up stays below its budget; what is beyond is looked up in the store.
func TestCatchUpBudget(t *testing.T) {
	inner := newStore(t)
	write(t, inner, "a/large", samplesOf(100, 0)...)
	write(t, inner, "a/small", samplesOf(5, 0)...)
	k := catalog.New(catalog.NewMemory(), catalog.SoleWriter(), catalog.CatchUp(50))
	s := wrap(t, k, inner)
	if notFound(t, s, "a/large") || notFound(t, s, "a/small") || !notFound(t, s, "a/none") {
		t.Error("a feature is missing")
	}
	if st := k.Stats(); st.Repaired != 1 || st.Behind != 1 || k.Drift().Missing != 1 {
		t.Errorf("%+v %+v", st, k.Drift())
	}
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil || k.Stats().Behind != 0 {
		t.Errorf("%v %+v", err, k.Stats())
	}
	agree(t, inner, k.Catalog())
}

// A catalog of another store is never believed, and Reconcile makes it ours.
func TestForeignCatalog(t *testing.T) {
	for name, opts := range modes() {
		one, two, cat := newStore(t), newStore(t), catalog.NewMemory()
		write(t, wrap(t, catalog.New(cat), one), "a/x", samplesOf(3, 0)...)
		write(t, wrap(t, catalog.New(cat), one), "a/only-one", samplesOf(3, 0)...)
		write(t, two, "a/x", samplesOf(2, 5)...)
		k := catalog.New(cat, opts...)
		s := wrap(t, k, two)
		if info, err := s.Stat(t.Context(), core.StatRequest{Key: "a/x"}); name != "sole" && name != "every" && name != "age" && (err != nil || info.Rows != 2) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if !notFound(t, s, "a/only-one") {
			t.Errorf("%s: a feature of another store is there", name)
		}
		write(t, s, "a/x", samplesOf(2, 6)...)
		if _, err := k.Reconcile(t.Context(), catalog.Job{Sample: 1, AbandonAfter: time.Nanosecond}); err != nil {
			t.Error(err)
		}
		agree(t, two, cat)
	}
}

func TestSample(t *testing.T) {
	const n = 400
	inner := newStore(t)
	k := catalog.New(catalog.NewMemory())
	s := wrap(t, k, inner)
	for i := range n {
		write(t, s, core.FeatureKey(fmt.Sprintf("a/f%03d", i)), samplesOf(1, i)...)
	}
	whole := clean(t, k, catalog.Job{Sample: 0.25, Seed: 7})
	if whole.Sampled < n/8 || whole.Sampled > n/2 || whole.Rows != whole.Sampled {
		t.Errorf("%d of %d features sampled, %d rows", whole.Sampled, n, whole.Rows)
	}
	if got, want := whole.MissProbability(0.1), math.Pow(0.9, float64(whole.Sampled)); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	// The same in pieces.
	var pieces int64
	job := catalog.Job{Sample: 0.25, Seed: 7, Limit: 150}
	for done := false; !done; {
		r, err := k.Verify(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		pieces += r.Sampled
		job.After, done = r.Cursor, r.Done
	}
	if pieces != whole.Sampled {
		t.Errorf("in pieces %d are sampled, at once %d", pieces, whole.Sampled)
	}
	other := clean(t, k, catalog.Job{Sample: 0.25})
	if other.Seed == 0 {
		t.Error("the report does not tell the seed")
	}
}

func TestRateAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer func() { _ = inner.Close() }()
		k := catalog.New(catalog.NewMemory())
		s := wrap(t, k, inner)
		for i := range 20 {
			write(t, s, core.FeatureKey(fmt.Sprintf("a/f%02d", i)), samplesOf(10, i)...)
		}
		began := time.Now()
		if _, err := k.Verify(t.Context(), catalog.Job{FeaturesPerSecond: 10}); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("20 features at 10 a second took %s, %v", time.Since(began), err)
		}
		began = time.Now()
		if _, err := k.Rebuild(t.Context(), catalog.Job{RowsPerSecond: 20}); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("200 rows at 20 a second took %s, %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 550*time.Millisecond)
		defer cancel()
		r, err := k.Verify(ctx, catalog.Job{FeaturesPerSecond: 10})
		if !errors.Is(err, context.DeadlineExceeded) || r.Checked != 6 || r.Cursor != "a/f05" || r.Done {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
