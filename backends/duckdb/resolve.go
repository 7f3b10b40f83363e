//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Resolve runs as one statement inside DuckDB; only the increment leaves it. The rows come in no particular order.
//
// What the statement cannot express goes through the universal engine, reading from this store: the samples of a root feature, ids whose
// types differ between features, filters that DuckDB cannot evaluate.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	inc, err := s.resolve(ctx, req)
	return inc, core.WrapError(core.OpResolve, req.Key(), name, err)
}

// errUniversal says that a resolve is not for SQL.
var errUniversal = errors.New("left to the universal engine")

func (s *store) resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Increment{}, err
	}
	var inc core.Increment
	err := errUniversal
	if !req.Plan.Root() {
		err = s.with(ctx, func(c *conn) (err error) {
			inc, err = s.resolveHere(ctx, c, req)
			return err
		})
	}
	if errors.Is(err, errUniversal) {
		return resolve.ByReading(ctx, s, req, resolve.Budget(s.spill), resolve.TempDir(s.temp))
	}
	return inc, err
}

// resolveHere starts from a marker where there is one, and looks at everything where that fails.
func (s *store) resolveHere(ctx context.Context, c *conn, req core.ResolveRequest) (core.Increment, error) {
	for _, quick := range []bool{true, false} {
		if err := c.begin(ctx); err != nil {
			return core.Increment{}, err
		}
		r := &resolver{s: s, req: req, plan: req.Plan}
		if err := r.bind(ctx, c); err != nil {
			return core.Increment{}, err
		}
		var err error
		if quick {
			err = r.quicken(ctx, c)
		}
		if err == nil {
			var inc core.Increment
			if inc, err = r.run(ctx, c); err == nil {
				s.paths.count(r)
				return inc, nil
			}
			if r.quick == nil {
				return core.Increment{}, err
			}
		}
		if ctx.Err() != nil {
			return core.Increment{}, err
		}
		s.paths.failed.Add(1)
		if err := c.rollback(); err != nil {
			return core.Increment{}, err
		}
	}
	return core.Increment{}, errUniversal // not reached: the second round returns
}

// paths counts how resolves came to their answers, the quick ones that failed and became full ones, and the markers made.
type paths struct{ quick, full, failed, marks atomic.Int64 }

func (p *paths) count(r *resolver) {
	if r.quick != nil {
		p.quick.Add(1)
	} else {
		p.full.Add(1)
	}
}

// resolver is one native resolve, in one transaction.
type resolver struct {
	s    *store
	req  core.ResolveRequest
	plan *core.Plan

	quick    *quick // nil when everything is looked at
	heldFrom string // the table held, when the input has a part of it
	groups   int64  // samples held, or their parents

	metas []*meta // of the upstreams, nil for what holds nothing
	held  *meta   // nil when the feature holds nothing
	in    sqlplan.Input
	ids   []arrow.Field // of the resolve key
	carry []arrow.Field
	basis core.Basis
}

// bind finds the tables and checks the request against them.
func (r *resolver) bind(ctx context.Context, c *conn) error {
	all, err := r.s.loadSome(ctx, c, r.plan)
	if err != nil {
		return err
	}
	r.basis = core.Basis{}
	r.in = sqlplan.Input{Plan: r.plan}
	for _, u := range r.plan.Upstream {
		m := all[u.Feature]
		if m == nil && !u.Optional {
			return fmt.Errorf("%w: feature %s needs %s, which holds nothing yet", core.ErrDependency, r.plan.Key(), u.Feature)
		}
		r.metas = append(r.metas, m)
		r.in.Upstream = append(r.in.Upstream, nil)
		if m != nil {
			r.basis[u.Feature] = m.generation
		}
	}
	r.held = all[r.plan.Key()]
	if err := r.bindCarry(); err != nil {
		return err
	}
	for i := range r.plan.Upstream {
		if r.metas[i] == nil {
			continue
		}
		if r.in.Upstream[i], err = r.upstream(i); err != nil {
			return err
		}
	}
	if r.held != nil {
		if r.in.Held, err = r.heldSide(); err != nil {
			return err
		}
	}
	return r.bindIDs()
}

// loadSome gives what is known of the features of a plan that hold a commit, in one query.
func (s *store) loadSome(ctx context.Context, c *conn, plan *core.Plan) (map[core.FeatureKey]*meta, error) {
	out := map[core.FeatureKey]*meta{}
	if s.blank {
		return out, nil
	}
	keys := []string{dialect.Text(string(plan.Key()))}
	for _, u := range plan.Upstream {
		keys = append(keys, dialect.Text(string(u.Feature)))
	}
	rows, err := c.rows(ctx, "SELECT "+metaColumns+" FROM metaxy.features WHERE generation > 0 AND key IN ("+strings.Join(keys, ", ")+")")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		m, err := scanMeta(row)
		if err != nil {
			return nil, err
		}
		out[m.key] = m
	}
	return out, nil
}

// bindCarry finds for each column asked for the one upstream that has it.
func (r *resolver) bindCarry() error {
	var known []string
	for _, u := range r.plan.Upstream {
		known = append(known, r.carriable(u)...)
	}
	for _, c := range r.req.Columns {
		found := -1
		for i, u := range r.plan.Upstream {
			if !slices.Contains(r.carriable(u), c) {
				continue
			}
			if found >= 0 {
				return invalidf("column %q is in both %s and %s: rename it in one of the dependencies", c, r.plan.Upstream[found].Feature, u.Feature)
			}
			found = i
		}
		if found < 0 {
			if near, ok := expr.Nearest(c, known); ok {
				return invalidf("no upstream of %s has a column %q to carry; did you mean %q?", r.plan.Key(), c, near)
			}
			return invalidf("no upstream of %s has a column %q to carry", r.plan.Key(), c)
		}
		u, m := r.plan.Upstream[found], r.metas[found]
		f := m.schema.Field(m.field(u.Original(c)))
		if m.zeros && hasFloats(f.Type) {
			return errUniversal
		}
		f.Name = c
		f.Nullable = f.Nullable || u.Optional || !r.plan.Drives(u)
		r.carry = append(r.carry, f)
		r.in.Carried = append(r.in.Carried, found)
	}
	return nil
}

// carriable lists the columns of an upstream that an answer may carry, by their names here.
func (r *resolver) carriable(u core.UpstreamPlan) []string {
	i := slices.IndexFunc(r.plan.Upstream, func(p core.UpstreamPlan) bool { return p.Feature == u.Feature })
	m := r.metas[i]
	if m == nil {
		return nil
	}
	var names []string
	for _, f := range m.schema.Fields() {
		name := u.Renamed(f.Name)
		if f.Name != core.ColDataVersion && u.Carries(name) && u.Original(name) == f.Name {
			names = append(names, name)
		}
	}
	return names
}
