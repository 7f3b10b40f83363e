package main

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

// forecast says what each feature will have to compute once its upstream has
// been recomputed, without computing anything: data versions follow from data
// versions alone, so ids and versions are copied to a store in memory and the
// pipeline runs there, without its real work. Features that hold nothing yet
// are all new.
func forecast(ctx context.Context, store core.Store, graph *core.Graph, root core.FeatureKey) (lines []planLine, err error) {
	rehearsal := memory.New()
	defer func() { err = errors.Join(err, rehearsal.Close()) }()
	for _, key := range append([]core.FeatureKey{root}, graph.Descendants(root)...) {
		plan, err := graph.Plan(key)
		if err != nil {
			return nil, err
		}
		if err := copyVersions(ctx, store, rehearsal, plan); err != nil {
			return nil, err
		}
		if plan.Root() {
			continue
		}
		inc, err := rehearsal.Resolve(ctx, core.ResolveRequest{Plan: plan})
		if err != nil {
			return nil, err
		}
		lines = append(lines, planLine{feature: key, stats: inc.Stats, parts: plan.ContainerNames()})
		if err := apply(ctx, rehearsal, plan, inc); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// copyVersions copies what a feature holds, its ids and data versions.
func copyVersions(ctx context.Context, from, to core.Store, plan *core.Plan) error {
	columns := append(append([]string{}, plan.Feature.ID...), core.ColDataVersion)
	rows, err := from.Read(ctx, core.ReadRequest{Key: plan.Key(), Columns: columns})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = to.Write(ctx, core.WriteRequest{Plan: plan, Rows: rows})
	return err
}

// apply writes what is new or stale and retires what is orphaned.
func apply(ctx context.Context, s core.Store, plan *core.Plan, inc core.Increment) error {
	for _, w := range []struct {
		rows   core.Rows
		count  int64
		retire bool
	}{{inc.New, inc.Stats.New, false}, {without(inc.Stale, core.ColStale), inc.Stats.Stale, false}, {inc.Orphaned, inc.Stats.Orphaned, true}} {
		if w.count == 0 {
			continue
		}
		if _, err := s.Write(ctx, core.WriteRequest{Plan: plan, Rows: w.rows, Tombstones: w.retire, Basis: inc.Basis}); err != nil {
			return err
		}
	}
	return nil
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
	return mapped(rows, schema, func(b arrow.RecordBatch) (arrow.RecordBatch, error) {
		columns := make([]arrow.Array, len(keep))
		for i, at := range keep {
			columns[i] = b.Column(at)
		}
		return array.NewRecordBatch(schema, columns, b.NumRows()), nil
	})
}

// mapped makes other batches of the rows as they are read.
func mapped(rows core.Rows, schema *arrow.Schema, f func(arrow.RecordBatch) (arrow.RecordBatch, error)) core.Rows {
	return core.Rows{Schema: schema, Replayable: rows.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range rows.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			made, err := f(b)
			if err != nil {
				yield(nil, err)
				return
			}
			ok := yield(made, nil)
			made.Release()
			if !ok {
				return
			}
		}
	}}
}
