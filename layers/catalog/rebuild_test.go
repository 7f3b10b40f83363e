package catalog_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// A commit that is registered just before a rebuild drops the feature is in it.
func TestRebuildBesideAWriter(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	k := catalog.New(cat, catalog.EveryWriterRegisters(), by("ada"))
	s := wrap(t, k, inner)
	write(t, s, "video/a", samplesOf(2, 0)...)
	b := &beside{Catalog: cat}
	b.drop = func() { write(t, s, "video/a", sample{"new", "vnew", "vnew"}) }
	again := catalog.New(b)
	wrap(t, again, inner)
	if _, err := again.Rebuild(t.Context(), catalog.Job{}); err != nil {
		t.Fatal(err)
	}
	written(t, k, "video/a", "vnew")
	agree(t, inner, cat)
	if e, err := cat.Entry(t.Context(), "video/a"); err != nil || !e.Settled() {
		t.Errorf("%+v, %v", e, err)
	}
}

// The same for a feature that the store seemed to have lost.
func TestDropBesideTheFirstWriter(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	for _, key := range []core.FeatureKey{"video/b", "video/c"} {
		write(t, wrap(t, catalog.New(cat), inner), key, samplesOf(2, 0)...)
	}
	if err := cat.RegisterMaterialization(t.Context(), catalog.Materialization{Key: "video/a", Commit: core.Commit{Seq: 1, Rows: 3}}, catalog.Versions{}); err != nil {
		t.Fatal(err)
	}
	b := &beside{Catalog: cat}
	b.drop = func() { write(t, inner, "video/a", samplesOf(1, 7)...) }
	k := catalog.New(b)
	wrap(t, k, inner)
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil {
		t.Fatal(err)
	}
	agree(t, inner, cat)
}

// A rebuild that is cut off anywhere loses no name of a writer.
func TestRebuildKeepsNames(t *testing.T) {
	const want = "1 ada, 2 ada, 3 bob by himself, 4 ada, 5 , 6 bob by himself"
	for _, after := range []bool{false, true} {
		for cut := 0; ; cut++ {
			inner, cat := newStore(t), catalog.NewMemory()
			for i, name := range []string{"ada", "ada", "bob by himself", "ada", "", "bob by himself"} {
				write(t, wrap(t, catalog.New(cat, by(name)), inner), "video/a", samplesOf(2, i)...)
			}
			p := &power{left: cut, after: after}
			k := catalog.New(mortal{cat, p}, catalog.NoCatchUp())
			wrap(t, k, mortalStore{inner, p})
			_, _ = k.Rebuild(t.Context(), catalog.Job{})
			last := catalog.New(cat)
			wrap(t, last, inner)
			if _, err := last.Reconcile(t.Context(), catalog.Job{AbandonAfter: time.Nanosecond}); err != nil {
				t.Fatal(err)
			}
			agree(t, inner, cat)
			if got := writers(t, cat, "video/a"); got != want {
				t.Fatalf("cut at %d, after %t: %s, want %s", cut, after, got, want)
			}
			if !p.out {
				break
			}
		}
	}
}

// Names longer than an intent may be, and very many of them.
func TestRebuildOfManyNames(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	names := []string{"ada", strings.Repeat("long ", 300), "bob"}
	for i := range 300 {
		write(t, wrap(t, catalog.New(cat, catalog.NoCatchUp(), by(names[i%3])), inner), "video/a", samplesOf(1, i)...)
	}
	want := writers(t, cat, "video/a")
	k := catalog.New(longest{cat, t}, catalog.NoCatchUp())
	wrap(t, k, inner)
	if _, err := k.Rebuild(t.Context(), catalog.Job{}); err != nil {
		t.Fatal(err)
	}
	if writers(t, cat, "video/a") != want {
		t.Error("names were lost")
	}
}

// longest refuses intents that a database would.
type longest struct {
	catalog.Catalog
	tb testing.TB
}

func (l longest) Begin(ctx context.Context, i catalog.Intent) error {
	if len(i.ID) > 2600 {
		l.tb.Errorf("an intent of %d bytes", len(i.ID))
	}
	return l.Catalog.Begin(ctx, i)
}

// A rebuild that failed is completed by the process that made it, and ends its
// intents.
func TestFailedRebuild(t *testing.T) {
	for _, after := range []bool{false, true} {
		for cut := 0; ; cut++ {
			inner, cat := newStore(t), catalog.NewMemory()
			write(t, wrap(t, catalog.New(cat, by("ada")), inner), "video/a", samplesOf(2, 0)...)
			p := &power{left: cut, after: after}
			k := catalog.New(mortal{cat, p}, catalog.NoCatchUp())
			wrap(t, k, mortalStore{inner, p})
			_, _ = k.Rebuild(t.Context(), catalog.Job{})
			out := p.out
			p.left, p.out = -1, false
			if err := k.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			agree(t, inner, cat)
			if writers(t, cat, "video/a") != "1 ada" || t.Failed() {
				t.Fatalf("cut at %d, after %t: written by %s", cut, after, writers(t, cat, "video/a"))
			}
			if !out {
				break
			}
		}
	}
}
