package main

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// phase is what the leaf has seen of its roots.
type phase struct {
	name    string
	held    bool  // the leaf is materialised first
	clean   bool  // and resolved once more, which finds nothing
	changed every // then one root gets a second commit of these samples
}

var (
	phaseNew     = phase{name: "new"}
	phaseStale   = phase{name: "stale", held: true, changed: 10}
	phaseStretch = phase{name: "0.1 %", held: true, clean: true, changed: 1000}
)

// fill brings an empty store into the phase.
func fill(ctx context.Context, s core.Store, sh shape, ph phase, n int64) error {
	for _, root := range sh.roots {
		if err := writeRoot(ctx, s, sh, root, n, 1, 1); err != nil {
			return err
		}
	}
	if !ph.held {
		return nil
	}
	inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: sh.plan(sh.leaf)})
	if err != nil {
		return err
	}
	if inc.Stats.New != n {
		return fmt.Errorf("the leaf of %s resolves to %d new samples, want %d", sh.name, inc.Stats.New, n)
	}
	if _, err := s.Write(ctx, core.WriteRequest{Plan: sh.plan(sh.leaf), Rows: inc.New, Basis: inc.Basis}); err != nil {
		return err
	}
	if ph.clean {
		inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: sh.plan(sh.leaf)})
		if err != nil {
			return err
		}
		if !inc.Stats.Clean() || inc.Stats.Unchanged != n {
			return fmt.Errorf("the leaf of %s resolves to %+v right after it was written", sh.name, inc.Stats)
		}
	}
	return writeRoot(ctx, s, sh, sh.roots[0], n, ph.changed, 2)
}

func writeRoot(ctx context.Context, s core.Store, sh shape, key core.FeatureKey, n int64, pick every, generation uint64) error {
	p := sh.plan(key)
	_, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: rootRows(p, n, pick, generation)})
	return err
}

// want is what a resolve of the phase must find.
func (ph phase) want(n int64) core.Stats {
	if !ph.held {
		return core.Stats{New: n}
	}
	stale := (n - int64(ph.changed)/3 + int64(ph.changed) - 1) / int64(ph.changed)
	return core.Stats{Stale: stale, Unchanged: n - stale}
}

// check compares an answer with what the phase must give.
func (ph phase) check(got core.Stats, n int64) error {
	w := ph.want(n)
	if got.New != w.New || got.Stale != w.Stale || got.Unchanged != w.Unchanged || got.Orphaned != 0 || got.Missing != 0 {
		return fmt.Errorf("phase %s with n=%d gives %+v, want %+v", ph.name, n, got, w)
	}
	return nil
}
