package catalog_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

func ExampleNew() {
	ctx := context.Background()
	cat := catalog.NewMemory()
	defer func() { _ = cat.Close() }()
	keeper := catalog.New(cat, catalog.SoleWriter())
	store, err := compose.New(memory.New(), compose.With(keeper))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	graph, err := core.NewGraph(core.NewFeature("video/raw"))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := graph.Plan("video/raw")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.Write(ctx, core.WriteRequest{Plan: plan, Rows: twoSamples()}); err != nil {
		fmt.Println(err)
		return
	}
	entry, _ := cat.Entry(ctx, "video/raw")
	fmt.Println(entry.Rows, "rows in", entry.Commits, "commit")
	has, _ := keeper.HasFeature(ctx, "video/raw", catalog.InContainer("default"), catalog.WithVersion("ab12"))
	fmt.Println("has version ab12:", has)
	report, err := keeper.Verify(ctx, catalog.Job{Sample: 1})
	fmt.Println("drift:", !report.Drift.Clean(), err)
	// Output:
	// 2 rows in 1 commit
	// has version ab12: true
	// drift: false <nil>
}

// twoSamples is what a pipeline would compute.
func twoSamples() core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "data_version", Type: core.DataVersionType([]string{"default"})},
	}, nil)
	batch, _, err := array.RecordFromJSON(arrowmem.NewGoAllocator(), schema,
		strings.NewReader(`[{"sample_id": "a", "data_version": {"default": "ab12"}}, {"sample_id": "b", "data_version": {"default": "cd34"}}]`))
	if err != nil {
		return core.Rows{}
	}
	return core.RowsOf(schema, batch)
}

func ExampleNewMemory() {
	ctx := context.Background()
	cat := catalog.NewMemory(catalog.Keep(catalog.Exact))
	_ = cat.RegisterMaterialization(ctx, catalog.Materialization{Key: "video/raw", Commit: core.Commit{Seq: 1, Rows: 2}}, catalog.Versions{})
	found, _ := cat.HasFeature(ctx, "video/raw")
	lacks, _ := cat.HasFeature(ctx, "video/crop")
	fmt.Println(found == catalog.Yes, lacks == catalog.No)
	// Output: true true
}

func ExampleFind() {
	ctx := context.Background()
	cat := catalog.NewMemory()
	for seq := range int64(3) {
		_ = cat.RegisterMaterialization(ctx, catalog.Materialization{Key: "video/raw", Commit: core.Commit{Seq: seq + 1, Rows: 2}}, catalog.Versions{})
	}
	where, err := expr.Parse("generation > 2 AND rows = 6")
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := catalog.Find(ctx, cat, where)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := rows.Count()
	fmt.Println(n, err)
	// Output: 1 <nil>
}
