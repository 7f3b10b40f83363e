package main

import (
	"context"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// demo brings two releases of OpenMoji into a store.
type demo struct {
	store core.Store
	graph *core.Graph
	out   printer
}

// outcome is what the demo found, for its test.
type outcome struct {
	plan           []planLine // as printed before anything ran
	done           []planLine // what was then recomputed
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

	changed, err := d.bring(ctx, after)
	if err != nil {
		return o, err
	}
	ahead, err := forecast(ctx, d.store, d.graph, source)
	if err != nil {
		return o, err
	}
	o.plan = append([]planLine{changed}, ahead...)
	d.out.step(2, "OpenMoji %s: %s emoji. The plan, before anything runs", after.version, thousands(len(after.records)))
	d.out.plan(o.plan)

	began = time.Now()
	if o.done, err = d.recompute(ctx); err != nil {
		return o, err
	}
	jobs, retired := totals(o.done)
	d.out.step(3, "Recomputed %s samples and retired %s in %s", thousands(jobs), thousands(retired), since(began))

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

// bring makes openmoji/source hold the release: new and changed emoji are
// written with all their metadata, vanished ones retired.
func (d demo) bring(ctx context.Context, r release) (planLine, error) {
	plan, err := d.graph.Plan(source)
	if err != nil {
		return planLine{}, err
	}
	samples, err := r.samples()
	if err != nil {
		return planLine{}, err
	}
	inc, err := d.store.Resolve(ctx, core.ResolveRequest{Plan: plan, Samples: samples, Columns: r.metadata()})
	if err != nil {
		return planLine{}, err
	}
	return planLine{feature: source, stats: inc.Stats, parts: plan.ContainerNames()}, apply(ctx, d.store, plan, inc)
}

// recompute brings every feature downstream up to date, upstream first.
func (d demo) recompute(ctx context.Context) ([]planLine, error) {
	var lines []planLine
	for _, key := range d.graph.Descendants(source) {
		plan, err := d.graph.Plan(key)
		if err != nil {
			return nil, err
		}
		job := jobs()[key]
		inc, err := d.store.Resolve(ctx, core.ResolveRequest{Plan: plan, Columns: job.needs})
		if err != nil {
			return nil, err
		}
		inc.New, inc.Stale = mapped(inc.New, job.schema(plan), job.compute), mapped(inc.Stale, job.schema(plan), job.compute)
		if err := apply(ctx, d.store, plan, inc); err != nil {
			return nil, err
		}
		lines = append(lines, planLine{feature: key, stats: inc.Stats, parts: plan.ContainerNames()})
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

func totals(lines []planLine) (computed, retired int64) {
	for _, l := range lines {
		computed += l.stats.New + l.stats.Stale
		retired += l.stats.Orphaned
	}
	return computed, retired
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
