package main

import (
	"context"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/plan"
)

// demo brings two releases of OpenMoji into a store.
type demo struct {
	store core.Store
	graph *core.Graph
	out   printer
}

// outcome is what the demo found, for its test.
type outcome struct {
	plan           []planLine // as printed before anything was written
	done           []planLine // what was then written
	again          []planLine // what a second run found
	differ, common int        // whole rows
}

func (d demo) run(ctx context.Context) (outcome, error) {
	before, err := loadRelease("16.0.0")
	if err != nil {
		return outcome{}, err
	}
	after, err := loadRelease("17.0.0")
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	began := time.Now()
	if _, err := d.bring(ctx, before); err != nil {
		return o, err
	}
	first, err := d.recompute(ctx)
	if err != nil {
		return o, err
	}
	d.out.step(1, "OpenMoji %s: %s emoji, %d features materialised in %s", before.version, thousands(len(before.records)), len(first)+1, since(began))

	if o.plan, err = d.plan(ctx, after); err != nil {
		return o, err
	}
	d.out.step(2, "OpenMoji %s: %s emoji. The plan, before anything is written", after.version, thousands(len(after.records)))
	d.out.plan(o.plan)

	began = time.Now()
	changed, err := d.bring(ctx, after)
	if err != nil {
		return o, err
	}
	done, err := d.recompute(ctx)
	if err != nil {
		return o, err
	}
	o.done = append([]planLine{changed}, done...)
	written, retired := totals(o.done)
	d.out.step(3, "Written %s samples and retired %s in %s", thousands(written), thousands(retired), since(began))

	began = time.Now()
	if o.again, err = d.second(ctx, after); err != nil {
		return o, err
	}
	d.out.step(4, "A second run: %s, found in %s", nothing(o.again), since(began))

	o.differ, o.common = wholeRows(before, after)
	d.saved(o)
	return o, nil
}

// saved compares with a tool that takes a row as a whole.
func (d demo) saved(o outcome) {
	var stale int64
	for _, l := range o.plan[1:] {
		stale += l.stats.Stale
	}
	rows := int64(o.differ) * int64(len(o.plan)-1)
	d.out.step(5, "Of the %s emoji in both releases, %s rows differ somewhere", thousands(o.common), thousands(o.differ))
	d.out.line("   A tool that compares whole rows redoes them in each of %d features: %s computations.", len(o.plan)-1, thousands(rows))
	d.out.line("   Versions by container: %s. Saved: %s, or %.1f %%.", thousands(stale), thousands(rows-stale), 100*float64(rows-stale)/float64(rows))
}

// plan says what the release will make every feature compute, by the versions
// alone: the store is only read.
func (d demo) plan(ctx context.Context, r release) ([]planLine, error) {
	samples, err := r.samples()
	if err != nil {
		return nil, err
	}
	report, err := plan.Graph(ctx, d.store, d.graph, plan.Samples(source, samples))
	if err != nil {
		return nil, err
	}
	var lines []planLine
	for _, f := range report.Features {
		p, err := d.graph.Plan(f.Key)
		if err != nil {
			return nil, err
		}
		lines = append(lines, planLine{feature: f.Key, parts: p.ContainerNames(), stats: core.Stats{
			New: f.New, Stale: f.Stale, Orphaned: f.Orphaned, Unchanged: f.Unchanged, Missing: f.Missing, StaleBy: f.StaleBy,
		}})
	}
	return lines, nil
}

// recompute brings every feature downstream up to date, upstream first.
func (d demo) recompute(ctx context.Context) ([]planLine, error) {
	var lines []planLine
	for _, key := range d.graph.Descendants(source) {
		p, err := d.graph.Plan(key)
		if err != nil {
			return nil, err
		}
		work := jobs()[key]
		report, err := resolve.Materialize(ctx, d.store, p, work.compute, resolve.Columns(work.needs...), resolve.RetireOrphans())
		if err != nil {
			return nil, err
		}
		lines = append(lines, planLine{feature: key, stats: report.Stats, parts: p.ContainerNames()})
	}
	return lines, nil
}

// second resolves everything once more.
func (d demo) second(ctx context.Context, r release) ([]planLine, error) {
	line, err := d.bring(ctx, r)
	if err != nil {
		return nil, err
	}
	lines, err := d.recompute(ctx)
	return append([]planLine{line}, lines...), err
}

func totals(lines []planLine) (written, retired int64) {
	for _, l := range lines {
		written += l.stats.New + l.stats.Stale
		retired += l.stats.Orphaned
	}
	return written, retired
}

// nothing says in words what a run found.
func nothing(lines []planLine) string {
	for _, l := range lines {
		if !l.stats.Clean() {
			return "there is something to do, which is a mistake in this program"
		}
	}
	return "nothing is new, stale or gone"
}

func since(t time.Time) string { return time.Since(t).Round(time.Millisecond).String() }
