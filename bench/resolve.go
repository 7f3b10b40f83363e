package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

// bench is one run of the program.
type bench struct {
	dir    string // scratch
	sizes  []int64
	rounds int
	graphs []string // names; all when empty
	log    func(format string, args ...any)
}

// shapes are the graphs that are asked for.
func (b *bench) shapes() ([]shape, error) {
	all, err := shapes()
	return slices.DeleteFunc(all, func(sh shape) bool { return len(b.graphs) > 0 && !slices.Contains(b.graphs, sh.name) }), err
}

// roundsFor spares the machine: ten million rows three times are enough.
func (b *bench) roundsFor(n int64) int {
	if n >= 5_000_000 {
		return min(b.rounds, 3)
	}
	if n <= 100_000 {
		return b.rounds * 3
	}
	return b.rounds
}

// template makes a file in the wanted phase, closed and checkpointed.
func (b *bench) template(ctx context.Context, sh shape, ph phase, n int64) (string, error) {
	file := filepath.Join(b.dir, "template.duckdb")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	s, err := duckdb.Open(ctx, file)
	if err != nil {
		return "", err
	}
	err = fill(ctx, s, sh, ph, n)
	return file, errors.Join(err, s.Close())
}

// runResolve is what is measured: open, resolve, read the whole increment,
// close.
func runResolve(ctx context.Context, file string, sh shape, ph phase, n int64) error {
	s, err := duckdb.Open(ctx, file)
	if err != nil {
		return err
	}
	inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: sh.plan(sh.leaf)})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return errors.Join(drain(inc, ph, n), s.Close())
}

// drain holds the whole increment in memory, as a caller would.
func drain(inc core.Increment, ph phase, n int64) error {
	for _, r := range []struct {
		rows core.Rows
		want int64
	}{{inc.New, inc.Stats.New}, {inc.Stale, inc.Stats.Stale}, {inc.Orphaned, inc.Stats.Orphaned}} {
		batches, err := r.rows.Collect()
		if err != nil {
			return err
		}
		var got int64
		for _, b := range batches {
			got += b.NumRows()
		}
		core.ReleaseAll(batches)
		if got != r.want {
			return fmt.Errorf("%d rows where the statistics say %d", got, r.want)
		}
	}
	return ph.check(inc.Stats, n)
}

// versus races Resolve against the hand-written SQL over copies of one file.
// The first contender is Resolve, the others are hands() in order.
func (b *bench) versus(ctx context.Context, sh shape, ph phase, n int64) ([]contender, error) {
	template, err := b.template(ctx, sh, ph, n)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "round.duckdb")
	fresh := func() error { return copyFile(template, file) }
	cs := []contender{{name: "Resolve", setup: fresh, run: func() error { return runResolve(ctx, file, sh, ph, n) }}}
	for _, h := range hands() {
		cs = append(cs, contender{name: h.name, setup: fresh, run: func() error {
			a, err := runHand(ctx, file, h, sh, ph)
			defer a.release()
			w := ph.want(n)
			if err == nil && (a.rows != w.New+w.Stale || a.samples != n) {
				return fmt.Errorf("%d rows of %d samples, want %d of %d", a.rows, a.samples, w.New+w.Stale, n)
			}
			return err
		}})
	}
	return cs, nil
}

// resolveTable fills the table of the reference's benchmark.
func (b *bench) resolveTable(ctx context.Context) (*section, error) {
	all, err := b.shapes()
	if err != nil {
		return nil, err
	}
	out := &section{
		name: "resolve", title: "DuckDB: Resolve against hand-written SQL on the same file",
		head: []string{"graph", "phase", "N", "Resolve"},
	}
	for _, h := range hands() {
		out.head = append(out.head, h.name)
	}
	out.head = append(out.head, "ratio to the best")
	for _, n := range b.sizes {
		for _, sh := range all {
			for _, ph := range []phase{phaseNew, phaseStale} {
				cs, err := b.versus(ctx, sh, ph, n)
				if err != nil {
					return nil, err
				}
				times, err := race(b.roundsFor(n), cs)
				if err != nil {
					return nil, err
				}
				row := []string{sh.name, ph.name, count(n)}
				best := 1
				for i, ts := range times {
					row = append(row, ms(median(ts)))
					if i > 0 && median(ts) < median(times[best]) {
						best = i
					}
				}
				out.add(append(row, fmt.Sprintf("%.2f", ratio(times[0], times[best])))...)
				b.log("%s %s n=%s: %v", sh.name, ph.name, count(n), row[3:])
			}
		}
	}
	out.note("Medians; a fresh copy of the file per round, contenders in turn; the time covers open, resolve, the increment as Arrow in memory, close. The ratio is the median of the rounds' ratios. Wanted: at most 1.15 at 1 M and 10 M, at most 1.5 at 10 k. %s.", machine())
	return out, nil
}

// stretchTable measures a resolve after 0.1 % of a root changed.
func (b *bench) stretchTable(ctx context.Context) (*section, error) {
	all, err := b.shapes()
	if err != nil {
		return nil, err
	}
	out := &section{
		name: "stretch", title: "DuckDB: Resolve after 0.1 % of the upstream changed",
		head: []string{"graph", "N", "Resolve", "best full SQL", "ratio"},
	}
	for _, n := range b.sizes {
		for _, sh := range all {
			cs, err := b.versus(ctx, sh, phaseStretch, n)
			if err != nil {
				return nil, err
			}
			times, err := race(b.roundsFor(n), cs)
			if err != nil {
				return nil, err
			}
			best := 1
			for i := range times {
				if i > 0 && median(times[i]) < median(times[best]) {
					best = i
				}
			}
			out.add(sh.name, count(n), ms(median(times[0])), ms(median(times[best])), fmt.Sprintf("%.2f", ratio(times[0], times[best])))
			b.log("stretch %s n=%s: %v", sh.name, count(n), out.rows[len(out.rows)-1][2:])
		}
	}
	out.note("The same timer. Wanted as a stretch: at most 0.3 at 10 M.")
	return out, nil
}
