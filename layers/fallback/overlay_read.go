package fallback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// overlay reads a feature from every place that holds it.
func (s *store) overlay(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	origin := slices.Contains(req.Columns, core.ColOrigin) || slices.Contains(expr.Columns(req.Filter), core.ColOrigin)
	if (req.Local || len(s.legs) == 0) && !origin {
		return s.next.Read(ctx, req)
	}
	if err := req.Check(); err != nil {
		return core.Rows{}, err
	}
	stat := core.StatRequest{Key: req.Key, Local: req.Local}
	if req.AsOf.Seq > 0 {
		stat.Commits = -1
	}
	all, err := s.holders(ctx, core.OpRead, stat, s.seen(req.Local))
	if err != nil {
		return core.Rows{}, err
	}
	if len(all) == 1 && !origin {
		rows, err := all[0].at.store.Read(ctx, req)
		if err != nil {
			return core.Rows{}, all[0].at.errorOf(err)
		}
		return all[0].at.signedRows(rows), nil
	}
	v, err := newView(all, req)
	if err != nil {
		return core.Rows{}, err
	}
	for i, h := range all {
		p, err := v.part(ctx, i, h)
		if s.o.unavailable && errors.Is(err, core.ErrUnavailable) && len(v.parts)+len(all)-i > 1 {
			continue
		}
		if err != nil {
			return core.Rows{}, h.at.errorOf(err)
		}
		v.parts = append(v.parts, p)
	}
	return core.Rows{Schema: v.plan.Schema, Origin: v.origin, Batches: core.Once(func(yield func(arrow.RecordBatch, error) bool) {
		if err := s.usable(core.OpRead, req.Key); err != nil {
			yield(nil, err)
			return
		}
		if err := v.run(ctx, yield); err != nil {
			yield(nil, core.WrapError(core.OpRead, req.Key, Name, err))
		}
	})}, nil
}

// view is a read of a merged feature. The filter is applied in each place to
// the latest rows there, which are the merged feature's for every sample that
// no place before holds.
type view struct {
	req   core.ReadRequest
	plan  core.ReadPlan
	ids   *hasher
	all   []held
	parts []*part

	origin string // of the rows: the places that hold the feature
}

func newView(all []held, req core.ReadRequest) (*view, error) {
	info, err := union(all)
	if err != nil {
		return nil, err
	}
	if req.Columns == nil {
		req.Columns = []string{}
		for _, f := range info.Schema.Fields() {
			req.Columns = append(req.Columns, f.Name)
		}
	}
	ids := info.ID
	info.Schema = arrow.NewSchema(append(slices.Clone(info.Schema.Fields()), arrow.Field{Name: core.ColOrigin, Type: arrow.BinaryTypes.String}), nil)
	if seq := req.AsOf.Seq; seq > 0 && seq < info.Generation && len(all) > 1 && int64(len(all[0].info.Log)) < info.Generation {
		return nil, fmt.Errorf("%w: of %s the time of commit %d is not told, by which the others would be read", core.ErrUnsupported, all[0].name(), seq+1)
	}
	v := &view{req: req, all: all, ids: newHasher(ids), origin: info.Origin}
	v.plan, err = req.Bind(info)
	return v, err
}

// part asks the i-th place. The calls are made here, so that a place refuses
// before anything is read; the rows are ranged over by run.
func (v *view) part(ctx context.Context, i int, h held) (*part, error) {
	has := arrow.NewSchema(slices.Concat(h.info.Schema.Fields(), core.SystemFields()), nil)
	p := &part{name: h.at.name}
	var push, rest, byID expr.Expr
	for _, term := range expr.Conjuncts(v.req.Filter) {
		if !v.same(has, expr.Columns(term)) {
			rest = expr.And(rest, term)
			continue
		}
		push = expr.And(push, term)
		if !slices.ContainsFunc(expr.Columns(term), func(c string) bool { return !slices.Contains(v.ids.ids, c) }) {
			byID = expr.And(byID, term)
		}
	}
	p.wide = v.wide(rest)
	var columns []string
	ask := func(names ...string) {
		for _, n := range names {
			if has.HasField(n) && !slices.Contains(columns, n) {
				columns = append(columns, n)
			}
		}
	}
	for _, f := range p.wide.Fields() {
		ask(f.Name)
	}
	merging := len(v.all) > 1 && !v.req.History
	if merging && i > 0 {
		ask(v.ids.ids...)
	}
	if len(columns) == 0 {
		ask(core.ColCommit) // for the number of rows
	}
	req := v.req
	req.Columns, req.Filter, req.AsOf = columns, push, v.moment(i, h)
	var err error
	if rest != nil {
		if p.filter, err = expr.Bind(rest, p.wide); err != nil {
			return nil, err
		}
	}
	if p.rows, err = h.at.store.Read(ctx, req); err != nil {
		return nil, err
	}
	p.locate(p.rows.Schema)
	if merging && i < len(v.all)-1 {
		req.Columns, req.Filter, req.History = v.ids.ids, byID, true
		p.known, err = h.at.store.Read(ctx, req)
		if errors.Is(err, core.ErrUnsupported) {
			err = fmt.Errorf("an overlay asks the history of every store but the last what was retired: %w", err)
		}
	}
	return p, err
}

// same reports whether a place has these columns with the merged types.
func (v *view) same(has *arrow.Schema, columns []string) bool {
	for _, c := range columns {
		at, merged := has.FieldIndices(c), v.plan.All.FieldIndices(c)
		if len(at) == 0 || !arrow.TypeEqual(has.Field(at[0]).Type, v.plan.All.Field(merged[0]).Type) {
			return false
		}
	}
	return true
}

// wide is the columns that are returned, then those that a filter needs beside.
func (v *view) wide(filter expr.Expr) *arrow.Schema {
	fields := slices.Clone(v.plan.Schema.Fields())
	for _, c := range expr.Columns(filter) {
		if !v.plan.Schema.HasField(c) {
			fields = append(fields, v.plan.All.Field(v.plan.All.FieldIndices(c)[0]))
		}
	}
	return arrow.NewSchema(fields, nil)
}

// moment pins a place, so that its rows and its ids are of one state.
func (v *view) moment(i int, h held) core.AsOf {
	first := v.all[0].info
	seq := v.req.AsOf.Seq
	switch {
	case !v.req.AsOf.Time.IsZero() || i == 0 && seq > 0:
		return v.req.AsOf
	case 0 < seq && seq < first.Generation && int64(len(first.Log)) == first.Generation:
		// Commits are numbered from 1: this one follows the one asked for.
		return core.AtTime(first.Log[seq].Time.Add(-time.Microsecond))
	case h.at.store.Capabilities().TimeTravel && h.info.Generation > 0:
		return core.AtCommit(h.info.Generation)
	}
	return core.AsOf{}
}

// run yields the rows of each part that no part before it hides. Its error is
// for the caller to yield.
func (v *view) run(ctx context.Context, yield func(arrow.RecordBatch, error) bool) error {
	var above []*idSet
	for i, p := range v.parts {
		last := p.known.Schema == nil
		var own *idSet
		var err error
		if !last {
			if own, err = v.ids.load(p.known, above); err != nil {
				return err
			}
		}
		keep := func(id [2]uint64) bool { return !anyHas(above, id) }
		switch {
		case v.req.History || len(above) == 0 && i == 0:
			keep = nil
		case !last:
			// Of a leg that merges itself the rows may be newer than the ids.
			keep = own.has
		}
		more, err := p.run(ctx, v, keep, yield)
		if err != nil || !more {
			return err
		}
		if own != nil {
			above = append(above, own)
		}
	}
	return nil
}
