package catalog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// modes are the ways to trust a catalog.
func modes() map[string][]catalog.Option {
	return map[string][]catalog.Option{
		"ask": nil, "required": {catalog.RequireCatalog()}, "age": {catalog.MaxAge(time.Hour)}, "sole": {catalog.SoleWriter()}, "every": {catalog.EveryWriterRegisters()},
	}
}

// life is one program that writes until its power goes out.
func life(tb testing.TB, s core.Store, round int) {
	tb.Helper()
	ctx := tb.Context()
	for i, key := range []core.FeatureKey{"video/a", "video/b", "video/a"} {
		samples := samplesOf(5, round*10+i)
		_, _ = s.Write(ctx, core.WriteRequest{Plan: planOf(tb, key), ID: fmt.Sprintf("r%d-%d", round, i), Rows: rowsOf(samples...)})
	}
	_, _ = s.Write(ctx, core.WriteRequest{Plan: planOf(tb, "video/a"), Rows: idsOf("s0001"), Tombstones: true})
	if info, err := s.Stat(ctx, core.StatRequest{Key: "video/b"}); err == nil {
		_, _ = s.Evolve(ctx, core.EvolveRequest{
			Key: "video/b", Base: info.SchemaVersion,
			Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: fmt.Sprintf("c%d", round), Type: arrow.PrimitiveTypes.Int64}},
		})
	}
}

// TestPowerOutAtEveryStep cuts the power at every call of the store and of the
// catalog, before and after it took effect. The next program must find all that
// is there and, by its first use alone, bring the catalog up to date.
func TestPowerOutAtEveryStep(t *testing.T) {
	for name, opts := range modes() {
		t.Run(name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				for cut := 0; ; cut++ {
					p := &power{left: cut, after: after}
					if !powerOut(t, p, opts) {
						break
					}
					if t.Failed() {
						t.Fatalf("power out at call %d, after it took effect: %t", cut, after)
					}
				}
			}
		})
	}
}

func powerOut(t *testing.T, p *power, opts []catalog.Option) bool {
	t.Helper()
	inner, cat, c := newStore(t), catalog.NewMemory(), newClock()
	opts = append([]catalog.Option{catalog.Clock(c.now)}, opts...)
	life(t, wrap(t, catalog.New(mortal{cat, p}, opts...), mortalStore{inner, p}), 1)
	c.pass(catalog.DefaultAbandonAfter) // what is older was left by the dead
	k := catalog.New(cat, opts...)
	s := wrap(t, k, inner)
	for _, key := range []core.FeatureKey{"video/a", "video/b", "video/c"} {
		if got, want := notFound(t, s, key), notFound(t, inner, key); got != want {
			t.Errorf("%s is missing: %t, in the store: %t", key, got, want)
		}
	}
	agree(t, inner, cat) // the first use repaired it
	life(t, s, 2)
	agree(t, inner, cat)
	clean(t, k, catalog.Job{Sample: 1})
	return p.out
}

// clean fails unless a comparison finds nothing.
func clean(tb testing.TB, k *catalog.Keeper, job catalog.Job) catalog.Report {
	tb.Helper()
	r, err := k.Verify(tb.Context(), job)
	if err != nil || !r.Drift.Clean() || !r.Done {
		tb.Errorf("drift %+v, done %t, %v: %v", r.Drift, r.Done, err, r.Findings)
	}
	return r
}

// TestRandomLives has several programs die one after the other, with catching up
// left out, and then reconciles.
func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inner, cat := newStore(t), catalog.NewMemory()
		names := []string{"ask", "required", "age", "sole", "every"}
		for round := range rapid.IntRange(1, 4).Draw(rt, "lives") {
			p := &power{left: rapid.IntRange(0, 40).Draw(rt, "calls"), after: rapid.Bool().Draw(rt, "after")}
			opts := modes()[rapid.SampledFrom(names).Draw(rt, "mode")]
			if rapid.Bool().Draw(rt, "no catch up") {
				opts = append(opts, catalog.NoCatchUp())
			}
			life(t, wrap(t, catalog.New(mortal{cat, p}, opts...), mortalStore{inner, p}), round)
		}
		k := catalog.New(cat)
		wrap(t, k, inner)
		job := catalog.Job{Sample: 1, AbandonAfter: time.Nanosecond}
		if rapid.Bool().Draw(rt, "in steps") {
			for done := false; !done; {
				job.Limit = 1
				r, err := k.Reconcile(t.Context(), job)
				if err != nil {
					rt.Fatal(err)
				}
				job.After, done = r.Cursor, r.Done
			}
		} else if _, err := k.Reconcile(t.Context(), job); err != nil {
			rt.Fatal(err)
		}
		agree(t, inner, cat)
		r := clean(t, k, catalog.Job{Sample: 1})
		if r.Pending != 0 {
			rt.Errorf("%d features with intents are left", r.Pending)
		}
		for e, err := range cat.Features(t.Context(), catalog.Query{}) {
			if err != nil || !e.Settled() {
				rt.Errorf("%s is not settled, %v", e.Key, err)
			}
		}
	})
}

// TestPowerOutWhileRepairing ends a rebuild and a reconcile at every step; made
// again they come to the same end, and meanwhile nothing is taken for missing.
func TestPowerOutWhileRepairing(t *testing.T) {
	for _, after := range []bool{false, true} {
		for cut := 0; ; cut++ {
			inner, cat := newStore(t), catalog.NewMemory()
			life(t, wrap(t, catalog.New(cat), inner), 1)
			p := &power{left: cut, after: after}
			k := catalog.New(mortal{cat, p}, catalog.NoCatchUp())
			wrap(t, k, mortalStore{inner, p})
			_, err := k.Rebuild(t.Context(), catalog.Job{})
			if (err != nil) != p.out {
				t.Fatalf("power out %t and the rebuild says %v", p.out, err)
			}
			other := wrap(t, catalog.New(cat, catalog.EveryWriterRegisters(), catalog.NoCatchUp()), inner)
			if notFound(t, other, "video/a") || notFound(t, other, "video/b") {
				t.Fatalf("cut at %d, after %t: a feature that is being rebuilt is taken for missing", cut, after)
			}
			again := catalog.New(cat)
			wrap(t, again, inner)
			if _, err := again.Reconcile(t.Context(), catalog.Job{Sample: 1, AbandonAfter: time.Nanosecond}); err != nil {
				t.Fatal(err)
			}
			agree(t, inner, cat)
			if t.Failed() || !p.out {
				break
			}
		}
	}
}
