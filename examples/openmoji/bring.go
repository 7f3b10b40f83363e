package main

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// bring makes openmoji/source hold the release: new and changed emoji are
// written with all their metadata, vanished ones retired.
func (d demo) bring(ctx context.Context, r release) (planLine, error) {
	p, err := d.graph.Plan(source)
	if err != nil {
		return planLine{}, err
	}
	samples, err := r.samples()
	if err != nil {
		return planLine{}, err
	}
	inc, err := d.store.Resolve(ctx, core.ResolveRequest{Plan: p, Samples: samples, Columns: r.metadata()})
	if err != nil {
		return planLine{}, err
	}
	line := planLine{feature: source, stats: inc.Stats, parts: p.ContainerNames()}
	if inc.Stats.New > 0 {
		if _, err := d.store.Write(ctx, core.WriteRequest{Plan: p, Rows: inc.New}); err != nil {
			return line, err
		}
	}
	if inc.Stats.Stale > 0 {
		if _, err := d.store.Write(ctx, core.WriteRequest{Plan: p, Rows: without(inc.Stale, core.ColStale)}); err != nil {
			return line, err
		}
	}
	if inc.Stats.Orphaned > 0 {
		if _, err := resolve.Retire(ctx, d.store, p, inc.Orphaned); err != nil {
			return line, err
		}
	}
	return line, nil
}

// without leaves a column out.
func without(rows core.Rows, column string) core.Rows {
	var keep []int
	var fields []arrow.Field
	for i, f := range rows.Schema.Fields() {
		if f.Name != column {
			keep, fields = append(keep, i), append(fields, f)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	return core.Rows{Schema: schema, Replayable: rows.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range rows.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			columns := make([]arrow.Array, len(keep))
			for i, at := range keep {
				columns[i] = b.Column(at)
			}
			part := array.NewRecordBatch(schema, columns, b.NumRows())
			ok := yield(part, nil)
			part.Release()
			if !ok {
				return
			}
		}
	}}
}
