package memory_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

func ExampleNew() {
	graph, err := core.NewGraph(core.NewFeature("video/raw", core.Container("frames")))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := graph.Plan("video/raw")
	if err != nil {
		fmt.Println(err)
		return
	}

	store := memory.New()
	defer store.Close()
	ctx := context.Background()

	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "data_version", Type: core.DataVersionType(plan.ContainerNames())},
	}, nil)
	for _, version := range []string{"v1", "v2"} {
		batch, _, err := array.RecordFromJSON(arrowmem.DefaultAllocator, schema, strings.NewReader(
			`[{"sample_id": "a", "data_version": {"frames": "`+version+`"}}]`))
		if err != nil {
			fmt.Println(err)
			return
		}
		commit, err := store.Write(ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batch)})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("commit", commit.Seq, "rows", commit.Rows)
		batch.Release()
	}

	for _, at := range []core.AsOf{{}, core.AtCommit(1)} {
		rows, err := store.Read(ctx, core.ReadRequest{Key: "video/raw", AsOf: at})
		if err != nil {
			fmt.Println(err)
			return
		}
		for batch, err := range rows.All() {
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(batch.Column(0).ValueStr(0), batch.Column(1).ValueStr(0))
		}
	}
	// Output:
	// commit 1 rows 1
	// commit 2 rows 1
	// a {"frames":"v2"}
	// a {"frames":"v1"}
}
