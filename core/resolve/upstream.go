package resolve

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// ReadUpstream opens each upstream of a feature as the feature sees it: with
// the names that the dependency gives, its filter applied, and of the columns
// the ids, those selected and "data_version". An optional upstream that is not
// there has no entry; a required one is ErrDependency. Local applies.
func ReadUpstream(ctx context.Context, store core.Store, plan *core.Plan, opts ...Option) (map[core.FeatureKey]core.Rows, error) {
	out, err := readUpstream(ctx, store, plan, newOptions(opts))
	return out, core.WrapError(core.OpRead, plan.Key(), layer, err)
}

func readUpstream(ctx context.Context, store core.Store, plan *core.Plan, o options) (map[core.FeatureKey]core.Rows, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	s := newSetup(ctx, store, plan, o)
	out := map[core.FeatureKey]core.Rows{}
	for _, u := range plan.Upstream {
		info, err := store.Stat(ctx, core.StatRequest{Key: u.Feature, Local: o.local})
		if errors.Is(err, core.ErrFeatureNotFound) {
			if u.Optional {
				continue
			}
			return nil, s.lacks(u)
		}
		if err != nil {
			return nil, err
		}
		rows, err := s.asSeen(u, info, o)
		if err != nil {
			return nil, err
		}
		out[u.Feature] = rows
	}
	return out, nil
}

// asSeen reads one upstream with the names here.
func (s *setup) asSeen(u core.UpstreamPlan, info core.Info, o options) (core.Rows, error) {
	ids := map[string]bool{}
	for _, id := range info.ID {
		ids[id] = true
	}
	var columns, names []string
	for _, f := range info.Schema.Fields() {
		name := u.Renamed(f.Name)
		selected := u.Lineage == core.Aggregation && u.Select == nil || u.Carries(name)
		if ids[f.Name] || f.Name == core.ColDataVersion || selected {
			columns, names = append(columns, f.Name), append(names, name)
		}
	}
	filter, err := upstreamFilter(u, nil)
	if err != nil {
		return core.Rows{}, err
	}
	rows, err := s.store.Read(s.ctx, core.ReadRequest{Key: u.Feature, Columns: columns, Filter: filter, Local: o.local})
	if err != nil {
		return core.Rows{}, err
	}
	fields := make([]arrow.Field, len(names))
	for i, n := range names {
		fields[i] = rows.Schema.Field(i)
		fields[i].Name = n
	}
	return renamed(rows, arrow.NewSchema(fields, nil)), nil
}

// renamed gives rows another schema with the same types.
func renamed(rows core.Rows, schema *arrow.Schema) core.Rows {
	return core.Rows{Schema: schema, Replayable: rows.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range rows.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			r := array.NewRecordBatch(schema, b.Columns(), b.NumRows())
			more := yield(r, nil)
			r.Release()
			if !more {
				return
			}
		}
	}}
}

// JoinUpstream reads the joined upstream: the resolve-key columns, those asked
// for with Columns, and the "data_version" that each sample should have, for
// every sample whose required upstream is there. Budget, TempDir, Workers,
// Columns and Local apply; the rows are like those of a core.Increment.
func JoinUpstream(ctx context.Context, store core.Store, plan *core.Plan, opts ...Option) (core.Rows, error) {
	rows, err := joinUpstream(ctx, store, plan, newOptions(opts))
	return rows, core.WrapError(core.OpRead, plan.Key(), layer, err)
}

func joinUpstream(ctx context.Context, store core.Store, plan *core.Plan, o options) (core.Rows, error) {
	if err := plan.Validate(); err != nil {
		return core.Rows{}, err
	}
	if plan.Root() {
		return core.Rows{}, invalidf("feature %s has no upstream", plan.Key())
	}
	if err := (core.ResolveRequest{Plan: plan, Columns: o.columns}).Check(); err != nil {
		return core.Rows{}, err
	}
	s := newSetup(ctx, store, plan, o)
	s.local = o.local
	if err := s.upstream(o.columns); err != nil {
		return core.Rows{}, err
	}
	s.candidates()
	if err := s.finish(plan.ResolveKey); err != nil {
		return core.Rows{}, err
	}
	if err := s.e.execute(ctx); err != nil {
		return core.Rows{}, err
	}
	inc, err := s.e.increment()
	return inc.New, err
}
