package resolve_test

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// videos opens a store with a root feature of three samples.
func videos() (core.Store, *core.Graph) {
	g, err := core.NewGraph(core.NewFeature("video/raw"), core.NewFeature("video/crop", core.DependsOn("video/raw")))
	if err != nil {
		panic(err)
	}
	p, _ := g.Plan("video/raw")
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: core.ColDataVersion, Type: core.DataVersionType(p.ContainerNames())},
	}, nil)
	b := array.NewRecordBuilder(arrowmem.DefaultAllocator, schema)
	defer b.Release()
	for id := range int64(3) {
		b.Field(0).(*array.Int64Builder).Append(id)
		b.Field(1).(*array.StructBuilder).Append(true)
		b.Field(1).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprint("content hash ", id))
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	s := memory.New()
	if _, err := s.Write(context.Background(), core.WriteRequest{Plan: p, Rows: core.RowsOf(schema, batch)}); err != nil {
		panic(err)
	}
	return s, g
}

func ExampleByReading() {
	store, graph := videos()
	defer store.Close()
	crop, _ := graph.Plan("video/crop")

	inc, err := resolve.ByReading(context.Background(), store, core.ResolveRequest{Plan: crop}, resolve.Budget(64<<20))
	fmt.Println(inc.Stats.New, inc.Stats.Stale, inc.Basis, err)
	// Output: 3 0 map[video/raw:1] <nil>
}

func ExampleMaterialize() {
	store, graph := videos()
	defer store.Close()
	crop, _ := graph.Plan("video/crop")

	for range 2 {
		report, err := resolve.Materialize(context.Background(), store, crop, func(_ context.Context, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
			fmt.Println("computing", batch.NumRows(), "samples")
			return batch, nil // with user columns beside the ids and versions
		}, resolve.RetireOrphans())
		fmt.Println(report.Written, err)
	}
	// Output:
	// computing 3 samples
	// 3 <nil>
	// 0 <nil>
}
