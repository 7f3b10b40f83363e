package resolve

import (
	"context"

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
	for _, name := range plan.Feature.ID {
		found := ids.Schema.FieldIndices(name)
		if len(found) != 1 {
			return core.Commit{}, invalidf("the rows lack the id column %q%s", name, suggest(name, fieldNames(ids.Schema)))
		}
		at = append(at, found[0])
	}
	return store.Write(ctx, core.WriteRequest{Plan: plan, ID: id, Rows: ids.Pick(at...), Tombstones: true})
}
