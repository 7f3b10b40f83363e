package resolve

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// Retire writes tombstones: the samples are gone from reads, and what depends
// on them becomes orphaned. Of the rows only the id columns are used, so
// Increment.Orphaned and the rows of a Read both do.
func Retire(ctx context.Context, store core.Store, plan *core.Plan, ids core.Rows) (core.Commit, error) {
	c, err := retire(ctx, store, plan, "", ids)
	return c, core.WrapError(core.OpWrite, plan.Key(), layer, err)
}

func retire(ctx context.Context, store core.Store, plan *core.Plan, id string, ids core.Rows) (core.Commit, error) {
	if err := plan.Validate(); err != nil {
		return core.Commit{}, err
	}
	if ids.Schema == nil {
		return core.Commit{}, invalidf("the ids have no schema")
	}
	var at []int
	var fields []arrow.Field
	for _, name := range plan.Feature.ID {
		found := ids.Schema.FieldIndices(name)
		if len(found) != 1 {
			return core.Commit{}, invalidf("the rows lack the id column %q%s", name, suggest(name, fieldNames(ids.Schema)))
		}
		at = append(at, found[0])
		fields = append(fields, ids.Schema.Field(found[0]))
	}
	schema := arrow.NewSchema(fields, nil)
	rows := core.Rows{Schema: schema, Replayable: ids.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range ids.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			columns := make([]arrow.Array, len(at))
			for i, from := range at {
				columns[i] = b.Column(from)
			}
			r := array.NewRecordBatch(schema, columns, b.NumRows())
			more := yield(r, nil)
			r.Release()
			if !more {
				return
			}
		}
	}}
	return store.Write(ctx, core.WriteRequest{Plan: plan, ID: id, Rows: rows, Tombstones: true})
}
