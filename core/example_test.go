package core_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func ExampleNewFeature() {
	graph, err := core.NewGraph(
		core.NewFeature("video/raw", core.Container("frames"), core.Container("audio")),
		core.NewFeature("video/crop",
			core.DependsOn("video/raw", core.Rename("path", "source_path")),
			core.Container("frames", core.Code("2"), core.From("video/raw", "frames")),
			core.Container("audio", core.From("video/raw", "audio"))),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := graph.Plan("video/crop")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Containers {
		fmt.Println(c.Name, c.Code, c.Inputs)
	}
	// Output:
	// frames 2 [{video/raw frames}]
	// audio 1 [{video/raw audio}]
}

func ExampleNewGraph() {
	_, err := core.NewGraph(
		core.NewFeature("video/raw", core.Container("frames")),
		core.NewFeature("video/crop",
			core.DependsOn("video/raw"),
			core.Container("boxes", core.From("video/raw", "frame"))),
		core.NewFeature("video/clip", core.DependsOn("video/rwa")),
	)
	fmt.Println(err)
	// Output:
	// invalid: feature video/clip: depends on unknown feature video/rwa; did you mean "video/raw"?
	// invalid: feature video/crop: container "boxes" takes from unknown container "frame" of video/raw; did you mean "frames"?
}

func ExampleParseKey() {
	_, err := core.ParseKey("video/../secrets")
	fmt.Println(err)
	// Output:
	// invalid: feature key "video/../secrets": part 2 contains '.', want lower-case letters, digits, "_" and "-"
}

// regions are two batches of (sample_id, region, data_version).
func regions() (*arrow.Schema, []arrow.RecordBatch) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "region", Type: arrow.BinaryTypes.String},
		{Name: "data_version", Type: core.DataVersionType([]string{"default"})},
	}, nil)
	var batches []arrow.RecordBatch
	for _, text := range []string{
		`[{"sample_id": "a", "region": "us", "data_version": {"default": "1"}}, {"sample_id": "b", "region": "eu", "data_version": {"default": "1"}}]`,
		`[{"sample_id": "c", "region": "us", "data_version": {"default": "1"}}]`,
	} {
		batch, _, err := array.RecordFromJSON(arrowmem.DefaultAllocator, schema, strings.NewReader(text))
		if err != nil {
			log.Fatal(err)
		}
		batches = append(batches, batch)
	}
	return schema, batches
}

func ExampleRowsOf() {
	schema, batches := regions()
	defer core.ReleaseAll(batches)
	rows := core.RowsOf(schema, batches...)
	for range 2 { // replayable
		n, err := rows.Count()
		fmt.Println(n, err)
	}
	// Output:
	// 3 <nil>
	// 3 <nil>
}

func ExampleRowsFrom() {
	schema, batches := regions()
	defer core.ReleaseAll(batches)
	rows := core.RowsFrom(schema, func() (array.RecordReader, error) {
		fmt.Println("opened")
		return array.NewRecordReader(schema, batches)
	})
	for batch, err := range rows.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.NumRows())
		break // the reader is released here
	}
	_, err := rows.Count()
	fmt.Println(err)
	// Output:
	// opened
	// 2
	// invalid: these rows were already read and cannot be read again
}

func ExampleRows_Reader() {
	schema, batches := regions()
	defer core.ReleaseAll(batches)
	reader := core.RowsOf(schema, batches...).Reader()
	defer reader.Release()
	for reader.Next() {
		fmt.Println(reader.RecordBatch().Column(0))
	}
	fmt.Println(reader.Err())
	// Output:
	// ["a" "b"]
	// ["c"]
	// <nil>
}

func ExampleScan() {
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
	store := memory.New()
	defer store.Close()
	schema, batches := regions()
	defer core.ReleaseAll(batches)
	ctx := context.Background()
	if _, err := store.Write(ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batches...)}); err != nil {
		fmt.Println(err)
		return
	}

	us := core.Scan(store, "video/raw").
		Filter(expr.Col("region").Eq("us")).
		Where("sample_id > 'a'").
		Select("sample_id").
		Limit(10)
	fmt.Print(us.Explain()) // nothing was read so far

	found, err := us.Collect(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer core.ReleaseAll(found)
	for _, batch := range found {
		fmt.Println(batch.Column(0))
	}
	// Output:
	// scan video/raw
	//   storage   columns sample_id
	//   storage   filter region = ?
	//   storage   filter sample_id > ?
	//   frame     stops after 10 rows
	// ["c"]
}

func ExampleFrame_Where() {
	store := memory.New()
	defer store.Close()
	_, err := core.Scan(store, "video/raw").Where("region = 'us' AND frames >> 3").Rows(context.Background())
	fmt.Println(err)
	var place *expr.Error
	if errors.As(err, &place) {
		fmt.Println(place.Detail())
	}
	// Output:
	// read video/raw: invalid: filter:1:27: unexpected >, want a literal
	// filter:1:27: unexpected >, want a literal
	//   region = 'us' AND frames >> 3
	//                             ^
}

func ExampleWrapError() {
	err := core.WrapError(core.OpRead, "video/raw", "memory", core.ErrFeatureNotFound)
	fmt.Println(err)
	fmt.Println(errors.Is(err, core.ErrFeatureNotFound))
	// Output:
	// read video/raw: memory: feature not found
	// true
}

// undecided embeds a store and says nothing about any operation. Strict hides
// the methods that would otherwise be promoted, so that it is no Store.
type undecided struct {
	core.Strict
	core.Store
}

func ExampleStrict() {
	_, isStore := any(undecided{}).(core.Store)
	fmt.Println(isStore)
	// Output:
	// false
}
