package rbac

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Resolve is core.Store's. It needs "resolve" on the feature and "read" on each
// upstream. Where nothing is kept from the caller in any of them the store
// below answers; else the answer is computed from what the caller may read.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	c, err := s.begin(ctx, call{op: core.OpResolve, key: req.Key(), columns: req.Columns, filter: req.Filter}, req.Check)
	if err != nil {
		return core.Increment{}, err
	}
	seen, err := c.resolvable(req)
	if err := c.decide(err); err != nil {
		return core.Increment{}, err
	}
	var inc core.Increment
	if seen.restricted {
		inc, err = s.resolve(ctx, c, req)
		seen.own(&inc)
	} else {
		inc, err = s.next.Resolve(ctx, req)
	}
	if err := c.ended(inc.Stats.New+inc.Stats.Stale+inc.Stats.Orphaned, err); err != nil {
		return core.Increment{}, err
	}
	return inc, nil
}

// seen says how much of what a resolve looks at is kept from the caller.
type seen struct {
	restricted   bool // something
	rows         bool // rows of the feature or of an upstream
	upstreamRows bool // rows of an upstream
}

func (v *seen) add(a *access, upstream bool) {
	v.restricted = v.restricted || a.restricted()
	if len(a.rows) > 0 {
		v.rows, v.upstreamRows = true, v.upstreamRows || upstream
	}
}

// own takes out of an answer what holds only for whoever sees every row. A
// sample whose upstream the caller does not see is somebody else's, not
// orphaned: taken for one it would be retired. And rows computed from a part
// must not be written down as computed from the whole.
func (v seen) own(inc *core.Increment) {
	if v.rows {
		inc.Basis = nil
	}
	if v.upstreamRows && inc.Stats.Orphaned > 0 {
		inc.Orphaned, inc.Stats.Orphaned = core.RowsOf(inc.Orphaned.Schema), 0
	}
}

// resolvable checks everything that a resolve looks at. What it joins, orders,
// compares and filters by must be readable as it is.
func (c *calling) resolvable(req core.ResolveRequest) (seen, error) {
	var v seen
	a := c.access(req.Key())
	if err := firstError(c.allowed(&a, req.Key()), c.columnsRead(&a, req.Key(), append(slices.Clone(req.Plan.Feature.ID), core.ColDataVersion))); err != nil {
		return v, err
	}
	v.add(&a, false)
	carried := map[string]bool{} // columns asked for: is there an upstream that shows it
	var hidden error
	for _, u := range req.Plan.Upstream {
		a := c.access(u.Feature)
		if err := firstError(c.may(&a, u.Feature, core.OpRead), c.columnsRead(&a, u.Feature, used(u))); err != nil {
			return v, err
		}
		v.add(&a, true)
		for _, col := range req.Columns {
			if !u.Carries(col) {
				continue
			}
			if err := c.columnsShown(&a, u.Feature, []string{u.Original(col)}); err != nil {
				hidden = firstError(hidden, err)
			} else {
				carried[col] = true
			}
		}
	}
	for _, col := range req.Columns {
		if hidden != nil && !carried[col] {
			return v, hidden
		}
	}
	return v, nil
}

// used lists the columns of an upstream that decide about the answer.
func used(u core.UpstreamPlan) []string {
	columns := append(slices.Clone(u.ID), core.ColDataVersion)
	for _, c := range slices.Concat(u.Key, expr.Columns(u.Filter)) {
		columns = append(columns, u.Original(c))
	}
	return columns
}

// resolve runs the universal engine over what the caller sees. As in a fallback
// below, what another store holds counts only while all of it is current.
func (s *store) resolve(ctx context.Context, c *calling, req core.ResolveRequest) (core.Increment, error) {
	v := &view{s: s, c: c, key: req.Key()}
	away := false
	if !req.Local {
		info, err := s.next.Stat(ctx, core.StatRequest{Key: req.Key()})
		if err != nil && !errors.Is(err, core.ErrFeatureNotFound) {
			return core.Increment{}, asOp(core.OpResolve, req.Key(), err)
		}
		away = info.Origin != ""
	}
	if !away {
		return resolve.ByReading(ctx, v, req)
	}
	if req.Samples.Schema != nil && !req.Samples.Replayable {
		batches, err := req.Samples.Collect()
		if err != nil {
			return core.Increment{}, err
		}
		defer core.ReleaseAll(batches)
		req.Samples = core.RowsOf(req.Samples.Schema, batches...)
	}
	inc, err := resolve.ByReading(ctx, v, req)
	if err != nil || inc.Stats.Clean() {
		return inc, err
	}
	v.here = true
	return resolve.ByReading(ctx, v, req)
}

// view is what one caller sees of the store, while one resolve runs. Its reads
// were decided about with the resolve, but what they may show is asked again
// for each: the plan is the caller's.
type view struct {
	s    *store
	c    *calling
	key  core.FeatureKey // that is resolved
	here bool            // count only what this store itself holds of it
}

var _ core.Store = (*view)(nil)

func (v *view) access(key core.FeatureKey) (access, error) {
	a := v.c.access(key)
	if key == v.key {
		return a, v.c.allowed(&a, key)
	}
	return a, v.c.may(&a, key, core.OpRead)
}

// Read is core.Store's.
func (v *view) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	a, err := v.access(req.Key)
	if err := firstError(err, v.c.columnsShown(&a, req.Key, req.Columns), v.c.columnsRead(&a, req.Key, expr.Columns(req.Filter))); err != nil {
		return core.Rows{}, err
	}
	req.Local = req.Local || v.here && req.Key == v.key
	return v.s.read(ctx, &a, req)
}

// Stat is core.Store's.
func (v *view) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	a, err := v.access(req.Key)
	if err != nil {
		return core.Info{}, err
	}
	req.Local = req.Local || v.here && req.Key == v.key
	info, err := v.s.next.Stat(ctx, req)
	if err != nil {
		return core.Info{}, err
	}
	return v.s.shown(&a, info), nil
}

// Resolve is core.Store's.
func (v *view) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	return resolve.ByReading(ctx, v, req)
}

// Write is core.Store's. A resolve writes nothing.
func (v *view) Write(context.Context, core.WriteRequest) (core.Commit, error) {
	return core.Commit{}, core.ErrUnsupported
}

// List is core.Store's. A resolve lists nothing.
func (v *view) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) { yield(core.Info{}, core.ErrUnsupported) }
}

// Evolve is core.Store's. A resolve changes nothing.
func (v *view) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, core.ErrUnsupported
}

// Capabilities is core.Store's.
func (v *view) Capabilities() core.Capabilities { return v.s.caps }

// Close is core.Store's. The view holds nothing.
func (v *view) Close() error { return nil }
