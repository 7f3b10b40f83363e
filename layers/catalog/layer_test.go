package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/storetest"
)

// A fallback chain asks no storage for features that a leg lacks.
func TestFallbackAsksNoStorage(t *testing.T) {
	for name, opt := range map[string]catalog.Option{"sole": catalog.SoleWriter(), "every": catalog.EveryWriterRegisters(), "age": catalog.MaxAge(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			here, there := newStore(t), newStore(t)
			write(t, there, "video/a", samplesOf(3, 0)...)
			tap := storetest.Tap()
			tapped, err := tap.Wrap(here)
			if err != nil {
				t.Fatal(err)
			}
			k := catalog.New(catalog.NewMemory(), opt)
			s, err := fallback.New(there).Wrap(wrap(t, k, tapped))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				rows, err := s.Read(t.Context(), core.ReadRequest{Key: "video/a"})
				if err != nil {
					t.Fatal(err)
				}
				if n, err := rows.Count(); n != 3 || err != nil {
					t.Fatalf("%d rows, %v", n, err)
				}
				if _, err := s.Stat(t.Context(), core.StatRequest{Key: "video/a"}); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					tap.ExpectCalls(t, core.OpList) // the comparison at the first use
				}
			}
			tap.ExpectCalls(t, core.OpList)
			if got := k.Stats(); got.Answered != 10 || got.Asked != 0 {
				t.Errorf("%+v", got)
			}
			write(t, s, "video/a", samplesOf(1, 0)...)
			if info, err := s.Stat(t.Context(), core.StatRequest{Key: "video/a"}); err != nil || info.Origin != "" || info.Rows != 1 {
				t.Errorf("own writes are not seen at once: %+v, %v", info, err)
			}
		})
	}
}

// brokenCatalog fails while it is down.
type brokenCatalog struct {
	mortal
}

func (b brokenCatalog) down(is bool) {
	b.mu.Lock()
	b.out = is
	b.mu.Unlock()
}

// Writes go on without the catalog and are registered later.
func TestCatalogDown(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	c := newClock()
	b := brokenCatalog{mortal{cat, &power{left: -1}}}
	var problems []error
	k := catalog.New(b, catalog.SoleWriter(), catalog.Clock(c.now), catalog.OnProblem(func(_ core.FeatureKey, err error) { problems = append(problems, err) }))
	s := wrap(t, k, inner)
	write(t, s, "video/a", samplesOf(3, 0)...)
	agree(t, inner, cat)
	b.down(true)
	write(t, s, "video/a", samplesOf(3, 1)...)
	write(t, s, "video/new", samplesOf(3, 1)...)
	for _, key := range []core.FeatureKey{"video/a", "video/new"} {
		if info, err := s.Stat(t.Context(), core.StatRequest{Key: key}); err != nil || info.Rows != 3 {
			t.Errorf("%s while the catalog is down: %+v, %v", key, info, err)
		}
	}
	n := 0
	for _, err := range s.List(t.Context(), core.ListRequest{}) {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if st := k.Stats(); n != 2 || st.Behind != 2 || st.Failed != 2 || k.Drift().Stale != 2 || len(problems) == 0 || !errors.Is(problems[0], core.ErrUnavailable) {
		t.Errorf("%d features listed, %+v, %+v, %v", n, st, k.Drift(), problems)
	}
	if err := k.Flush(t.Context()); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("flush while it is down: %v", err)
	}
	b.down(false)
	write(t, s, "video/b", samplesOf(1, 0)...) // too early: it is left alone
	if k.Stats().Behind != 3 {
		t.Errorf("%+v", k.Stats())
	}
	c.pass(time.Minute)
	write(t, s, "video/b", samplesOf(1, 1)...)
	agree(t, inner, cat)
	if st := k.Stats(); st.Behind != 0 || !k.Drift().Clean() {
		t.Errorf("%+v, %+v", st, k.Drift())
	}
	// The same by hand.
	b.down(true)
	write(t, s, "video/c", samplesOf(2, 0)...)
	b.down(false)
	if err := k.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	agree(t, inner, cat)
	if got := metrics.Drift(k.Drift()); got != (metrics.Drift{}) {
		t.Errorf("%+v", got)
	}
}

// With RequireCatalog a write is refused before it is made.
func TestRequiredCatalog(t *testing.T) {
	for name, opt := range map[string]catalog.Option{"require": catalog.RequireCatalog(), "every": catalog.EveryWriterRegisters()} {
		t.Run(name, func(t *testing.T) {
			inner, cat := newStore(t), catalog.NewMemory()
			b := brokenCatalog{mortal{cat, &power{left: -1}}}
			s := wrap(t, catalog.New(b, opt), inner)
			write(t, s, "video/a", samplesOf(3, 0)...)
			b.down(true)
			_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), Rows: rowsOf(samplesOf(1, 1)...)})
			var e *core.Error
			if !errors.Is(err, core.ErrUnavailable) || !errors.As(err, &e) || e.Op != core.OpWrite || e.Key != "video/a" || e.Layer != "catalog" {
				t.Errorf("write: %v", err)
			}
			if _, err = s.Evolve(t.Context(), core.EvolveRequest{Key: "video/a", Base: 1}); !errors.Is(err, core.ErrUnavailable) {
				t.Errorf("evolve: %v", err)
			}
			b.down(false)
			agree(t, inner, cat)
			// What the store refuses leaves no intent.
			if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), Rows: rowsOf(sample{"x", "1", "1"}, sample{"x", "2", "2"})}); !errors.Is(err, core.ErrInvalid) {
				t.Errorf("a repeated id: %v", err)
			}
			if e, err := cat.Entry(t.Context(), "video/a"); err != nil || !e.Settled() || e.Commits != 1 {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

// A write of which nobody knows whether it happened: the store is asked.
func TestUnknownOutcome(t *testing.T) {
	for name, opt := range map[string]catalog.Option{"sole": catalog.SoleWriter(), "every": catalog.EveryWriterRegisters(), "age": catalog.MaxAge(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			inner, cat := newStore(t), catalog.NewMemory()
			fault, err := storetest.Fault(storetest.AfterCommit(2, core.ErrUnavailable)).Wrap(inner)
			if err != nil {
				t.Fatal(err)
			}
			k := catalog.New(cat, opt)
			s := wrap(t, k, fault)
			write(t, s, "video/a", samplesOf(1, 0)...)
			if !notFound(t, s, "video/b") {
				t.Error("video/b is there")
			}
			req := core.WriteRequest{Plan: planOf(t, "video/b"), ID: "once", Rows: rowsOf(samplesOf(2, 0)...)}
			if _, err := s.Write(t.Context(), req); !errors.Is(err, core.ErrUnavailable) {
				t.Fatal(err)
			}
			if notFound(t, s, "video/b") {
				t.Error("a commit that was made is taken for missing")
			}
			if c, err := s.Write(t.Context(), req); err != nil || c.Seq != 1 {
				t.Errorf("the repeat: %+v, %v", c, err)
			}
			agree(t, inner, cat)
			if _, err := k.Reconcile(t.Context(), catalog.Job{AbandonAfter: time.Nanosecond}); err != nil {
				t.Error(err)
			}
			if k.Stats().Behind != 0 {
				t.Errorf("%+v", k.Stats())
			}
		})
	}
}

// A repeat of a known write registers nothing twice, whoever repeats it and
// whether or not the first was registered.
func TestRepeatedWrite(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	req := core.WriteRequest{Plan: planOf(t, "video/a"), ID: "job", Rows: rowsOf(samplesOf(5, 0)...)}
	if _, err := inner.Write(t.Context(), req); err != nil { // past the catalog
		t.Fatal(err)
	}
	s := wrap(t, catalog.New(cat, catalog.NoCatchUp(), catalog.Identity(func(context.Context) string { return "ada" })), inner)
	for range 3 {
		if c, err := s.Write(t.Context(), req); err != nil || c.Seq != 1 {
			t.Fatal(c, err)
		}
		agree(t, inner, cat)
	}
	for m, err := range cat.History(t.Context(), "video/a") {
		if err != nil || m.Identity != "ada" {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

// MaxAge: others' writes are seen after it, own ones at once.
func TestMaxAge(t *testing.T) {
	inner, c := newStore(t), newClock()
	k := catalog.New(catalog.NewMemory(), catalog.MaxAge(time.Minute), catalog.Clock(c.now))
	s := wrap(t, k, inner)
	if !notFound(t, s, "video/a") {
		t.Error("there before it was written")
	}
	write(t, inner, "video/a", samplesOf(1, 0)...)
	if !notFound(t, s, "video/a") {
		t.Error("an answer was not kept")
	}
	c.pass(time.Minute)
	if notFound(t, s, "video/a") {
		t.Error("an answer was kept too long")
	}
	for range 2 {
		if !notFound(t, s, "video/b") {
			t.Error("video/b is there")
		}
	}
	write(t, s, "video/b", samplesOf(1, 0)...)
	if notFound(t, s, "video/b") {
		t.Error("an own write was not seen")
	}
}

// Two writers over one catalog, each with the strict protocol, on one store:
// nothing that one wrote is ever missing for the other.
func TestTwoWriters(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	var stores []core.Store
	var keepers []*catalog.Keeper
	for range 2 {
		k := catalog.New(cat, catalog.EveryWriterRegisters())
		keepers, stores = append(keepers, k), append(stores, wrap(t, k, inner))
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 15 {
				key := core.FeatureKey(fmt.Sprintf("w%d/f%d", w, i%4))
				_, err := stores[w%2].Write(t.Context(), core.WriteRequest{Plan: planOf(t, key), Rows: rowsOf(samplesOf(2, i)...)})
				if err != nil {
					t.Error(err)
				}
				want, _ := inner.Stat(t.Context(), core.StatRequest{Key: key})
				got, err := stores[(w+1)%2].Stat(t.Context(), core.StatRequest{Key: key})
				if err != nil || got.Generation != want.Generation || got.Rows != want.Rows {
					t.Errorf("%s: the other writer sees %+v, %v", key, got, err)
				}
			}
		})
	}
	wg.Wait()
	agree(t, inner, cat)
	clean(t, keepers[0], catalog.Job{Sample: 1})
	if got := keepers[0].Stats(); got.Answered == 0 {
		t.Errorf("nothing was answered from the catalog: %+v", got)
	}
}

// The clock of commits runs backwards between features, and that of the layer.
func TestClockGoesBackwards(t *testing.T) {
	c := newClock()
	inner := memory.New(memory.Clock(c.now))
	t.Cleanup(func() { _ = inner.Close() })
	cat := catalog.NewMemory()
	k := catalog.New(cat, catalog.SoleWriter(), catalog.Clock(c.now))
	s := wrap(t, k, inner)
	for i := range 6 {
		write(t, s, core.FeatureKey(fmt.Sprintf("video/f%d", i%3)), samplesOf(2, i)...)
		c.pass(-time.Hour)
	}
	agree(t, inner, cat)
	clean(t, k, catalog.Job{Sample: 1})
	aged := wrap(t, catalog.New(cat, catalog.MaxAge(time.Minute), catalog.Clock(c.now)), inner)
	if notFound(t, aged, "video/f1") {
		t.Error("video/f1 is missing")
	}
}

// Versions of a write that do not fit into memory go to a file that is gone
// afterwards.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	inner, cat := newStore(t), catalog.NewMemory()
	k := catalog.New(cat, catalog.SpillAfter(4<<10, dir))
	s := wrap(t, k, inner)
	for i := range 3 {
		write(t, s, "video/a", samplesOf(2000, i*500)...)
	}
	agree(t, inner, cat)
	clean(t, k, catalog.Job{Sample: 1})
	if _, err := k.Rebuild(t.Context(), catalog.Job{}); err != nil {
		t.Error(err)
	}
	agree(t, inner, cat)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// No place to spill to: the write is made, and registered as soon as there is.
	k = catalog.New(cat, catalog.SpillAfter(4<<10, dir+"/none"))
	s = wrap(t, k, inner)
	write(t, s, "video/a", samplesOf(2000, 9000)...)
	if k.Stats().Behind != 1 || notFound(t, s, "video/a") {
		t.Errorf("%+v", k.Stats())
	}
	if err := os.Mkdir(dir+"/none", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := k.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	agree(t, inner, cat)
}

func TestHasFeature(t *testing.T) {
	inner := newStore(t)
	old := write(t, inner, "video/a", sample{"a", "aa", "v1"})
	for name, opts := range modes() {
		for _, mode := range []catalog.Mode{catalog.Exact, catalog.Filter, catalog.Counts} {
			k := catalog.New(catalog.NewMemory(catalog.Keep(mode)), opts...)
			s := wrap(t, k, inner)
			write(t, s, "video/a", sample{"a", "bb", "v1"})
			for _, c := range []struct {
				key  core.FeatureKey
				cond []catalog.Condition
				want bool
			}{
				{"video/a", nil, true},
				{"video/none", nil, false},
				{"video/a", []catalog.Condition{catalog.InContainer("audio")}, true},
				{"video/a", []catalog.Condition{catalog.InContainer("other")}, false},
				{"video/a", []catalog.Condition{catalog.WithVersion("aa")}, true},
				{"video/a", []catalog.Condition{catalog.WithVersion("v1"), catalog.InContainer("frames")}, true},
				{"video/a", []catalog.Condition{catalog.WithVersion("v1"), catalog.InContainer("audio")}, false},
				{"video/a", []catalog.Condition{catalog.WithVersion("cc")}, false},
			} {
				if got, err := k.HasFeature(t.Context(), c.key, c.cond...); err != nil || got != c.want {
					t.Errorf("%s, mode %d: %s %+v: %t, %v", name, mode, c.key, catalog.Ask(c.cond...), got, err)
				}
			}
		}
	}
	if old.Seq != 1 {
		t.Error(old)
	}
}

func TestWrongOptions(t *testing.T) {
	inner := newStore(t)
	for _, opts := range [][]catalog.Option{
		{catalog.MaxAge(0)}, {catalog.SoleWriter(), catalog.MaxAge(1)}, {catalog.SpillAfter(1, "")}, {catalog.Timeout(0)}, {catalog.RetryAfter(-1)}, {catalog.Clock(nil)},
	} {
		if _, err := catalog.New(catalog.NewMemory(), opts...).Wrap(inner); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
	if _, err := catalog.New(nil).Wrap(inner); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
	k := catalog.New(catalog.NewMemory())
	if _, err := k.Wrap(nil); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
	if _, err := k.Verify(t.Context(), catalog.Job{}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("nothing wrapped: %v", err)
	}
	s := wrap(t, k, inner)
	for _, job := range []catalog.Job{{Sample: 2}, {Sample: -1}, {Limit: -1}, {RowsPerSecond: -1}} {
		if _, err := k.Verify(t.Context(), job); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%+v: %v", job, err)
		}
	}
	_ = s.Close()
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); !errors.Is(err, core.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	var texts []string
	for name, opts := range modes() {
		texts = append(texts, name+": "+catalog.New(catalog.NewMemory(), opts...).Info().Summary)
	}
	slices.Sort(texts)
	if got := strings.Join(texts, "; "); got != "age: trusted for 1h0m0s; ask: asks the store; every: every writer registers; required: asks the store, required; sole: sole writer" {
		t.Error(got)
	}
}
