package crypto

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Read asks below for what decryption needs beside what was asked for, and
// evaluates here what storage cannot.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.enter(ctx, core.OpRead, req.Key, req.Check); err != nil {
		return core.Rows{}, err
	}
	v, err := s.stat(ctx, core.OpRead, core.StatRequest{Key: req.Key, Local: req.Local})
	if err != nil {
		return core.Rows{}, err
	}
	if len(v.columns) == 0 && len(v.bare) == 0 {
		return s.next.Read(ctx, req)
	}
	r, below, err := s.planRead(ctx, req, v)
	if err != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, name, err)
	}
	rows, err := s.next.Read(ctx, below)
	if err != nil {
		return core.Rows{}, err
	}
	return core.Rows{Schema: r.want, Replayable: rows.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		r.stream(ctx, s, rows, yield)
	}}, nil
}

// reading is one read.
type reading struct {
	key     core.FeatureKey
	ids     []string
	openers []*opener
	want    *arrow.Schema // what the caller gets
	plain   *arrow.Schema // want and what the residual filter uses
	filter  *expr.Bound   // nil: storage evaluated all
}

// planRead decides what to ask below, and what to do with the answer.
func (s *store) planRead(ctx context.Context, req core.ReadRequest, v view) (*reading, core.ReadRequest, error) {
	below := req
	plan, err := req.Bind(v.info)
	if err != nil {
		return nil, below, err
	}
	r := &reading{key: req.Key, ids: v.info.ID, want: plan.Schema}
	used := names(plan.Schema)
	used = append(used, expr.Columns(req.Filter)...)
	for _, b := range v.bare {
		if slices.Contains(used, b) {
			return nil, below, &ValueError{Column: b, Row: 1, Err: ErrNotCiphertext}
		}
	}
	involved := slices.ContainsFunc(v.columns, func(c *column) bool { return slices.Contains(used, c.path[0]) })
	if !involved {
		below.Columns = names(plan.Schema)
		return r, below, nil
	}
	ring, err := s.ring(ctx)
	if err != nil {
		return nil, below, err
	}
	for _, c := range v.columns {
		if slices.Contains(used, c.path[0]) {
			if err := c.trust(ring, req.Key); err != nil {
				return nil, below, err
			}
		}
	}
	split, err := s.options.split(req.Filter, &v, ring)
	if err != nil {
		return nil, below, err
	}
	below.Filter = split.pushed
	needs := names(plan.Schema)
	for _, c := range expr.Columns(split.residual) {
		needs = appendNew(needs, c)
	}
	// Storage compares deterministic values without looking at whose they are: a
	// row that a moved value brought here must not pass for one that matches.
	for _, c := range expr.Columns(split.pushed) {
		if slices.ContainsFunc(v.columns, func(p *column) bool { return p.hasSeal() && p.path[0] == c }) {
			needs = appendNew(needs, c)
		}
	}
	fields := make([]arrow.Field, len(needs))
	for i, n := range needs {
		fields[i] = plan.All.Field(plan.All.FieldIndices(n)[0])
	}
	r.plain = arrow.NewSchema(fields, nil)
	if split.residual != nil {
		if r.filter, err = expr.Bind(split.residual, r.plain); err != nil {
			return nil, below, invalidf("%w", err)
		}
	}
	for _, c := range v.columns {
		if !slices.Contains(names(r.plain), c.path[0]) {
			continue
		}
		r.openers = append(r.openers, &opener{column: c, ring: ring, feature: req.Key})
		needs = appendNew(needs, append(slices.Clone(v.info.ID), core.ColDataVersion)...)
		if c.hasSeal() {
			needs = appendNew(needs, c.companion)
		}
		if c.subject != "" {
			needs = appendNew(needs, c.subject)
		}
	}
	below.Columns = needs
	return r, below, nil
}

func names(s *arrow.Schema) []string {
	out := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		out[i] = f.Name
	}
	return out
}

func appendNew(list []string, names ...string) []string {
	for _, n := range names {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// stream decrypts and filters batch by batch.
func (r *reading) stream(ctx context.Context, s *store, rows core.Rows, yield func(arrow.RecordBatch, error) bool) {
	if s.closed.Load() {
		yield(nil, core.WrapError(core.OpRead, r.key, name, core.ErrClosed))
		return
	}
	first := int64(0)
	for b, err := range rows.All() {
		if err != nil {
			yield(nil, err)
			return
		}
		if len(r.openers) == 0 {
			if !yield(b, nil) {
				return
			}
			continue
		}
		for out, err := range pieces(b, func(piece arrow.RecordBatch) (arrow.RecordBatch, error) {
			out, err := r.open(ctx, piece, first)
			if err == nil {
				first += piece.NumRows()
			}
			return out, err
		}) {
			if err != nil {
				yield(nil, core.WrapError(core.OpRead, r.key, name, err))
				return
			}
			if out.NumRows() > 0 && !yield(out, nil) {
				return
			}
		}
	}
}

// open is one batch as the caller gets it.
func (r *reading) open(ctx context.Context, b arrow.RecordBatch, first int64) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := newRowBinder(b, r.ids)
	if err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, r.plain.NumFields())
	var made []arrow.Array
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	for i, f := range r.plain.Fields() {
		if columns[i], err = named(b, f.Name); err != nil {
			return nil, err
		}
	}
	for _, o := range r.openers {
		at := r.plain.FieldIndices(o.path[0])[0]
		plain, err := o.open(ctx, b, rows, first)
		if err != nil {
			return nil, err
		}
		made = append(made, plain)
		if columns[at], err = put(columns[at], o.path[1:], plain, r.plain.Field(at).Type); err != nil {
			return nil, err
		}
		made = append(made, columns[at])
	}
	for i, c := range columns {
		if !arrow.TypeEqual(c.DataType(), r.plain.Field(i).Type) {
			return nil, integrityf("column %q came as %s, not as %s", r.plain.Field(i).Name, c.DataType(), r.plain.Field(i).Type)
		}
	}
	all := array.NewRecordBatch(r.plain, columns, b.NumRows())
	defer all.Release()
	if r.filter == nil {
		return r.project(all), nil
	}
	kept, err := r.filter.Filter(ctx, all, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer kept.Release()
	return r.project(kept), nil
}

// project drops what only the filter needed; it stands behind the rest.
func (r *reading) project(b arrow.RecordBatch) arrow.RecordBatch {
	n := r.want.NumFields()
	return array.NewRecordBatch(r.want, b.Columns()[:n], b.NumRows())
}
