package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// planner walks the graph once and keeps what each feature will look like.
type planner struct {
	ctx   context.Context
	store core.Store
	graph *core.Graph
	o     options
	views map[core.FeatureKey]*view

	needed map[core.FeatureKey][]string // memo of neededOf
}

func (p *planner) feature(key core.FeatureKey) (Feature, error) {
	plan, err := p.graph.Plan(key)
	if err != nil {
		return Feature{}, err
	}
	f := Feature{Key: key, Root: plan.Root()}
	v := &view{plan: plan}
	p.views[key] = v
	info, err := p.store.Stat(p.ctx, core.StatRequest{Key: key, Commits: -1, Local: p.o.local})
	switch {
	case err == nil:
		v.info, v.held, v.stored = info, true, true
		if f.Held, err = p.count(info); err != nil {
			return f, err
		}
	case !errors.Is(err, core.ErrFeatureNotFound):
		return f, err
	}

	samples, given := p.o.samples[key]
	if plan.Root() && !given {
		f.Unchanged = f.Held
		if !v.held {
			f.Blocked = "holds nothing yet"
		}
		v.blocked = f.Blocked
		return f, nil
	}
	if f.Blocked = p.blocked(plan); f.Blocked != "" {
		v.blocked = f.Blocked
		return f, nil
	}
	inc, err := p.resolve(v, samples)
	if err != nil {
		return f, err
	}
	if v.held && info.Origin != "" && !inc.Stats.Clean() {
		// The first row written here hides the leg's, so all of it is new here.
		v.info, v.held, f.Held = core.Info{}, false, 0
		if inc.Stats.Unchanged+inc.Stats.Stale+inc.Stats.Orphaned > 0 {
			if inc, err = p.resolve(v, samples); err != nil {
				return f, err
			}
		}
	}
	f.New, f.Stale, f.Orphaned, f.Unchanged = inc.Stats.New, inc.Stats.Stale, inc.Stats.Orphaned, inc.Stats.Unchanged
	f.Missing, f.StaleBy = inc.Stats.Missing, inc.Stats.StaleBy
	if err := v.take(inc); err != nil {
		return f, err
	}
	f.AtLeast = p.lowerBound(v)
	v.atLeast = f.AtLeast || plan.Expands() && f.New > 0
	f.RowLevel, err = p.rowLevel(v)
	return f, err
}

// count gives the live samples, which a store may not know without reading.
func (p *planner) count(info core.Info) (int64, error) {
	if info.Rows >= 0 {
		return info.Rows, nil
	}
	rows, err := p.store.Read(p.ctx, core.ReadRequest{Key: info.Key, Columns: info.ID, Local: p.o.local})
	if err != nil {
		return 0, err
	}
	return rows.Count()
}

// blocked says why a feature's samples cannot be foreseen.
func (p *planner) blocked(plan *core.Plan) string {
	for _, u := range plan.Upstream {
		up := p.views[u.Feature]
		if up.blocked != "" {
			if !u.Optional {
				return fmt.Sprintf("needs %s, which %s", u.Feature, up.reason())
			}
			continue
		}
		for _, c := range needs(u) {
			if up.info.Schema != nil && !up.info.Schema.HasField(c) && !core.IsReserved(c) {
				return fmt.Sprintf("needs column %q of %s, which is not computed yet", c, u.Feature)
			}
		}
	}
	return ""
}

// resolve finds the increment against what the upstream will look like. Where
// that is what it looks like now, the store answers itself.
func (p *planner) resolve(v *view, samples core.Rows) (core.Increment, error) {
	req := core.ResolveRequest{Plan: v.plan, Samples: samples, Columns: p.carried(v, samples), Local: p.o.local}
	changed := slices.ContainsFunc(v.plan.Upstream, func(u core.UpstreamPlan) bool { return !p.views[u.Feature].clean() })
	if !changed && v.held == v.stored {
		return p.store.Resolve(p.ctx, req)
	}
	o := &overlay{p: p}
	if v.stored && !v.held {
		o.absent = v.plan.Key()
	}
	return resolve.ByReading(p.ctx, o, req, p.o.resolve...)
}

// needs lists the columns of an upstream, by its own names, that decide which
// of its rows count and to which sample.
func needs(u core.UpstreamPlan) []string {
	var names []string
	for _, c := range slices.Concat(expr.Columns(u.Filter), u.Key) {
		if c = u.Original(c); !slices.Contains(u.ID, c) && c != core.ColDataVersion && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	return names
}

// neededOf lists the columns of a feature that decide something downstream,
// there or further down where they are carried on.
func (p *planner) neededOf(key core.FeatureKey) []string {
	if names, known := p.needed[key]; known {
		return names
	}
	var names []string
	for _, d := range p.graph.Downstream(key) {
		plan, err := p.graph.Plan(d)
		if err != nil {
			continue // not of this graph
		}
		at := slices.IndexFunc(plan.Upstream, func(u core.UpstreamPlan) bool { return u.Feature == key })
		u := plan.Upstream[at]
		columns := needs(u)
		for _, c := range p.neededOf(d) {
			if u.Carries(c) && !slices.Contains(u.ID, u.Original(c)) {
				columns = append(columns, u.Original(c))
			}
		}
		for _, c := range columns {
			if !slices.Contains(names, c) && !core.IsReserved(c) {
				names = append(names, c)
			}
		}
	}
	p.needed[key] = names
	return names
}

// carried lists the needed columns that new samples get from upstream.
func (p *planner) carried(v *view, samples core.Rows) []string {
	var out []string
	for _, c := range p.neededOf(v.plan.Key()) {
		if slices.Contains(v.plan.ResolveKey, c) || slices.Contains(v.plan.Feature.ID, c) {
			continue
		}
		sources := 0
		if v.plan.Root() && samples.Schema.HasField(c) {
			sources++
		}
		for _, u := range v.plan.Upstream {
			info := p.views[u.Feature].info
			if info.Schema != nil && u.Carries(c) && u.Renamed(u.Original(c)) == c && info.Schema.HasField(u.Original(c)) {
				sources++
			}
		}
		if sources == 1 {
			out = append(out, c)
		}
	}
	return out
}

// lowerBound reports whether something that is not known before it is computed
// could add to the counts.
func (p *planner) lowerBound(v *view) bool {
	for _, u := range v.plan.Upstream {
		up := p.views[u.Feature]
		if up.atLeast {
			return true
		}
		for _, c := range needs(u) {
			if up.newRows > 0 && !slices.Contains(up.carries, c) {
				return true
			}
		}
	}
	return false
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}
