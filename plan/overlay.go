package plan

import (
	"context"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/ident"
)

// overlay is the store as it will look: features that were planned answer with
// their view, any other as it is. It is for core/resolve alone.
type overlay struct {
	p      *planner
	absent core.FeatureKey // is taken as not held, "" for none
}

var _ core.Store = (*overlay)(nil)

func (o *overlay) view(key core.FeatureKey) (*view, bool) {
	v, ok := o.p.views[key]
	if !ok || v.clean() {
		return nil, false
	}
	return v, true
}

// Stat describes a feature that holds nothing yet as it will be.
func (o *overlay) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if v, ok := o.view(req.Key); ok && v.invented {
		return v.info, nil
	}
	return o.p.store.Stat(ctx, req)
}

// Read gives the held rows as they will be, then the new ones. The feature that
// is being resolved is not planned yet: its rows come as they are.
func (o *overlay) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if req.Key == o.absent {
		return core.Rows{}, core.ErrFeatureNotFound
	}
	v, ok := o.view(req.Key)
	if !ok || v.info.Schema == nil {
		return o.p.store.Read(ctx, req)
	}
	return v.read(ctx, o.p.store, req)
}

func (v *view) read(ctx context.Context, s core.Store, req core.ReadRequest) (core.Rows, error) {
	bound, err := req.Bind(v.info)
	if err != nil {
		return core.Rows{}, err
	}
	out := core.Rows{Schema: bound.Schema}
	// What the held rows are read with: the columns asked for, and those that
	// tell which rows change.
	names := fieldNames(bound.Schema)
	for _, c := range slices.Concat(v.info.ID, []string{core.ColDataVersion}, expr.Columns(req.Filter)) {
		if !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	all := make([]arrow.Field, len(names))
	for i, n := range names {
		all[i] = bound.All.Field(bound.All.FieldIndices(n)[0])
		all[i].Nullable = true
	}
	schema := arrow.NewSchema(all, nil)
	var filter *expr.Bound
	if req.Filter != nil {
		if filter, err = expr.Bind(req.Filter, schema); err != nil {
			return core.Rows{}, invalidf("%w", err)
		}
	}
	var held core.Rows
	if v.held {
		if held, err = s.Read(ctx, core.ReadRequest{Key: req.Key, Columns: names, Local: req.Local}); err != nil {
			return core.Rows{}, err
		}
	}
	out.Batches = core.Once(func(yield func(arrow.RecordBatch, error) bool) {
		emit := func(b arrow.RecordBatch, change func(arrow.RecordBatch, *arrow.Schema) (arrow.RecordBatch, error)) bool {
			c, err := change(b, schema)
			if err == nil && filter != nil {
				all := c
				c, err = filter.Filter(ctx, all, memory.DefaultAllocator)
				all.Release()
			}
			if err != nil {
				yield(nil, err)
				return false
			}
			defer c.Release()
			p := project(c, bound.Schema)
			defer p.Release()
			return p.NumRows() == 0 || yield(p, nil)
		}
		for b, err := range held.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			if !emit(b, v.refresh) {
				return
			}
		}
		for b, err := range v.fresh.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			if !emit(b, align) {
				return
			}
		}
	})
	return out, nil
}

// refresh leaves orphans out of a held batch and gives stale samples their
// fresh versions.
func (v *view) refresh(b arrow.RecordBatch, schema *arrow.Schema) (arrow.RecordBatch, error) {
	ids, err := ident.Bind(b, v.plan.Feature.ID)
	if err != nil {
		return nil, err
	}
	keys, err := ident.Bind(b, v.plan.ResolveKey)
	if err != nil {
		return nil, err
	}
	var buf []byte
	var gone []int
	fresh := map[int][]string{}
	for row := range ids.Rows() {
		buf = ids.AppendText(buf[:0], row)
		if _, orphan := v.orphaned[string(buf)]; orphan {
			gone = append(gone, row)
			continue
		}
		buf = keys.AppendText(buf[:0], row)
		if versions, stale := v.stale[string(buf)]; stale {
			fresh[row] = versions
		}
	}
	b, err = align(b, schema)
	if err != nil {
		return nil, err
	}
	if len(fresh) > 0 {
		with := v.withVersions(b, fresh)
		b.Release()
		b = with
	}
	if len(gone) > 0 {
		with, err := without(b, gone)
		b.Release()
		return with, err
	}
	return b, nil
}

// withVersions replaces the versions of some rows.
func (v *view) withVersions(b arrow.RecordBatch, fresh map[int][]string) arrow.RecordBatch {
	at := b.Schema().FieldIndices(core.ColDataVersion)[0]
	old := b.Column(at).(*array.Struct)
	t := old.DataType().(*arrow.StructType)
	names := v.plan.ContainerNames()
	sb := array.NewStructBuilder(memory.DefaultAllocator, t)
	defer sb.Release()
	for j, f := range t.Fields() {
		was, is := text(old.Field(j)), slices.Index(names, f.Name)
		fb := sb.FieldBuilder(j)
		for row := range old.Len() {
			value := ""
			if versions, ok := fresh[row]; ok && is >= 0 {
				value = versions[is]
			} else if !ok {
				value = was(row)
			}
			if value == "" {
				fb.AppendNull()
			} else if err := fb.AppendValueFromString(value); err != nil {
				fb.AppendNull() // a version is text, and so is the column
			}
		}
	}
	for range old.Len() {
		sb.AppendValues([]bool{true})
	}
	dv := sb.NewArray()
	defer dv.Release()
	cols := slices.Clone(b.Columns())
	cols[at] = dv
	return array.NewRecordBatch(b.Schema(), cols, b.NumRows())
}

// List passes on.
func (o *overlay) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return o.p.store.List(ctx, req)
}

// Resolve is not asked of a store that only looks like one.
func (o *overlay) Resolve(context.Context, core.ResolveRequest) (core.Increment, error) {
	return core.Increment{}, core.ErrUnsupported
}

// Write is refused.
func (o *overlay) Write(context.Context, core.WriteRequest) (core.Commit, error) {
	return core.Commit{}, core.ErrReadOnly
}

// Evolve is refused.
func (o *overlay) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, core.ErrReadOnly
}

// Capabilities are none: the view is of the present.
func (o *overlay) Capabilities() core.Capabilities { return core.Capabilities{} }

// Close closes nothing, since nothing was opened.
func (o *overlay) Close() error { return nil }
