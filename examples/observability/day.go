package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// day is what happens to the store: videos come, crops are computed, somebody
// reads them twice, and somebody asks for what is not there.
func day(ctx context.Context, store core.Store) error {
	graph, err := core.NewGraph(
		core.NewFeature("video/raw", core.Container("frames")),
		core.NewFeature("video/crop", core.DependsOn("video/raw"), core.Container("frames")),
	)
	if err != nil {
		return err
	}
	if err := arrive(ctx, store, graph); err != nil {
		return err
	}
	plan, err := graph.Plan("video/crop")
	if err != nil {
		return err
	}
	if _, err := resolve.Materialize(ctx, store, plan, nil); err != nil {
		return err
	}
	filter, err := expr.Parse("sample_id != 'secret.mp4'") // a literal: in no log line, span or series
	if err != nil {
		return err
	}
	for range 2 { // the second is answered from memory
		if err := read(ctx, store, core.ReadRequest{Key: "video/crop", Filter: filter}); err != nil {
			return err
		}
	}
	err = read(ctx, store, core.ReadRequest{Key: "video/thumbnail"})
	if !errors.Is(err, core.ErrFeatureNotFound) {
		return fmt.Errorf("a feature that nobody wrote: %w", err)
	}
	return nil
}

func read(ctx context.Context, store core.Store, req core.ReadRequest) error {
	rows, err := store.Read(ctx, req)
	if err != nil {
		return err
	}
	for _, err := range rows.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

// arrive writes three videos.
func arrive(ctx context.Context, store core.Store, graph *core.Graph) error {
	plan, err := graph.Plan("video/raw")
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(plan.ContainerNames())},
	}, nil))
	defer b.Release()
	for _, id := range []string{"a.mp4", "b.mp4", "secret.mp4"} {
		b.Field(0).(*array.StringBuilder).Append(id)
		versions := b.Field(1).(*array.StructBuilder)
		versions.Append(true)
		versions.FieldBuilder(0).(*array.StringBuilder).Append("hash of " + id)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	_, err = store.Write(ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)})
	return err
}
