package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// setup collects the sides of a join over one plan.
type setup struct {
	ctx    context.Context
	store  core.Store
	plan   *core.Plan
	filter expr.Expr
	local  bool
	basis  core.Basis
	e      *engine
}

func newSetup(ctx context.Context, s core.Store, plan *core.Plan, o options) *setup {
	return &setup{ctx: ctx, store: s, plan: plan, e: &engine{opts: o, key: plan.Key(), held: -1}}
}

// upstream adds a side for each dependency. Columns are what the answer asks
// for beside the ids.
func (s *setup) upstream(columns []string) error {
	s.basis = core.Basis{}
	var infos []core.Info
	for _, u := range s.plan.Upstream {
		sp := &spec{
			name: "upstream " + string(u.Feature), key: u.Key, required: !u.Optional, drives: s.plan.Drives(u),
			versions: s.versions(u.Feature),
		}
		if u.Lineage == core.Aggregation {
			sp.shape = grouped
			for _, id := range u.ID {
				sp.order = append(sp.order, u.Renamed(id))
			}
		}
		info, err := s.store.Stat(s.ctx, core.StatRequest{Key: u.Feature, Local: s.local})
		switch {
		case err == nil:
			sp.info = info
		case !errors.Is(err, core.ErrFeatureNotFound):
			return err
		case !u.Optional:
			return s.lacks(u)
		}
		s.e.specs = append(s.e.specs, sp)
		infos = append(infos, info)
	}
	if err := s.carryUpstream(columns, infos); err != nil {
		return err
	}
	for i, u := range s.plan.Upstream {
		if infos[i].Schema == nil {
			continue
		}
		if err := s.open(s.e.specs[i], u, infos[i]); err != nil {
			return err
		}
	}
	for i, c := range s.plan.Containers {
		s.e.containers = append(s.e.containers, container{name: c.Name, spec: c.VersionSpec()})
		for _, in := range c.Inputs {
			at := slices.IndexFunc(s.plan.Upstream, func(u core.UpstreamPlan) bool { return u.Feature == in.Feature })
			s.e.containers[i].inputs = append(s.e.containers[i].inputs, input{at, slices.Index(s.e.specs[at].versions, in.Container)})
		}
	}
	return nil
}

// lacks says which upstream is not there. It hides that the store said
// "feature not found", which would send a fallback on to look for the feature
// that is being resolved.
func (s *setup) lacks(u core.UpstreamPlan) error {
	return fmt.Errorf("%w: feature %s needs %s, which holds nothing yet", core.ErrDependency, s.plan.Key(), u.Feature)
}

// versions lists the containers of an upstream that some container here needs.
func (s *setup) versions(key core.FeatureKey) []string {
	var names []string
	for _, c := range s.plan.Containers {
		for _, in := range c.Inputs {
			if in.Feature == key && !slices.Contains(names, in.Container) {
				names = append(names, in.Container)
			}
		}
	}
	return names
}

// open starts the read of one upstream, pinned to the commit that the basis
// names where the store can do that.
func (s *setup) open(sp *spec, u core.UpstreamPlan, info core.Info) error {
	names := slices.Clone(sp.key)
	for _, c := range slices.Concat(sp.order, sp.carry) {
		if !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	if len(sp.versions) > 0 {
		names = append(names, core.ColDataVersion)
	}
	from := make([]string, len(names))
	for i, n := range names {
		from[i] = u.Original(n)
	}
	filter, err := upstreamFilter(u, s.filter)
	if err != nil {
		return err
	}
	req := core.ReadRequest{Key: u.Feature, Columns: from, Filter: filter, Local: s.local}
	if info.Generation > 0 && s.store.Capabilities().TimeTravel {
		req.AsOf = core.AtCommit(info.Generation)
	}
	sp.rows, err = s.store.Read(s.ctx, req)
	if errors.Is(err, core.ErrFeatureNotFound) {
		if !u.Optional {
			return s.lacks(u)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if info.Generation > 0 {
		s.basis[u.Feature] = info.Generation
	}
	return sp.bindColumns(from, names)
}

// upstreamFilter is the dependency's filter and what the request restricts,
// with the upstream's own names.
func upstreamFilter(u core.UpstreamPlan, restrict expr.Expr) (expr.Expr, error) {
	for _, c := range expr.Columns(u.Filter) {
		if to, renamed := u.Rename[c]; renamed && u.Original(c) == c {
			return nil, invalidf("the filter on upstream %s uses %q, which is called %q here", u.Feature, c, to)
		}
	}
	f := u.Filter
	for _, term := range expr.Conjuncts(restrict) {
		if hasAll(u.Key, expr.Columns(term)) {
			f = expr.And(f, term)
		}
	}
	if f == nil {
		return nil, nil
	}
	return expr.Rename(f, u.Original), nil
}

// carryUpstream finds for each column asked for the one upstream that has it.
func (s *setup) carryUpstream(columns []string, infos []core.Info) error {
	var known []string
	for _, c := range columns {
		found := -1
		for i, u := range s.plan.Upstream {
			f, ok := field(u, infos[i].Schema, c)
			if !ok {
				continue
			}
			if found >= 0 {
				return invalidf("column %q is in both %s and %s: rename it in one of the dependencies", c, s.plan.Upstream[found].Feature, u.Feature)
			}
			found = i
			f.Nullable = f.Nullable || u.Optional || !s.plan.Drives(u)
			s.e.carry = append(s.e.carry, carried{i, c, f})
			s.e.specs[i].carry = append(s.e.specs[i].carry, c)
		}
		if found >= 0 {
			continue
		}
		for i, u := range s.plan.Upstream {
			if infos[i].Schema == nil {
				continue
			}
			for _, f := range infos[i].Schema.Fields() {
				if _, ok := field(u, infos[i].Schema, u.Renamed(f.Name)); ok {
					known = append(known, u.Renamed(f.Name))
				}
			}
		}
		return invalidf("no upstream of %s has a column %q to carry%s", s.plan.Key(), c, suggest(c, known))
	}
	return nil
}

// field finds a column of an upstream by its name here, if a resolve may carry it.
func field(u core.UpstreamPlan, schema *arrow.Schema, name string) (arrow.Field, bool) {
	from := u.Original(name)
	if _, away := u.Rename[name]; away && from == name || schema == nil || name == core.ColDataVersion || !u.Carries(name) {
		return arrow.Field{}, false
	}
	at := schema.FieldIndices(from)
	if len(at) != 1 {
		return arrow.Field{}, false
	}
	f := schema.Field(at[0])
	f.Name = name
	return f, true
}

// candidates decides which sides say what samples there are.
func (s *setup) candidates() {
	for _, required := range []bool{true, false} {
		for i, sp := range s.e.specs {
			if sp.drives && sp.required == required {
				s.e.cands = append(s.e.cands, i)
			}
		}
		if len(s.e.cands) > 0 {
			return
		}
	}
}

// heldSide adds what the feature holds itself, with the request's own word on
// fallbacks.
func (s *setup) heldSide() error {
	sp := &spec{name: "feature " + string(s.plan.Key()), key: s.plan.ResolveKey, versions: s.plan.ContainerNames()}
	if s.plan.Expands() {
		sp.shape = children
	}
	s.e.held = len(s.e.specs)
	s.e.specs = append(s.e.specs, sp)
	names := append(slices.Clone(s.plan.Feature.ID), core.ColDataVersion)
	rows, err := s.store.Read(s.ctx, core.ReadRequest{Key: s.plan.Key(), Columns: names, Filter: s.filter, Local: s.local})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	sp.rows = rows
	return sp.bindColumns(names, names)
}

func suggest(name string, candidates []string) string {
	if near, ok := expr.Nearest(name, candidates); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
