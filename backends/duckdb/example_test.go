//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

func ExampleOpen() {
	ctx := context.Background()
	store, err := duckdb.Open(ctx, ":memory:", duckdb.MemoryLimit(512<<20), duckdb.Threads(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	graph, err := core.NewGraph(core.NewFeature("video/raw"), core.NewFeature("video/crop", core.DependsOn("video/raw")))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = store.Resolve(ctx, core.ResolveRequest{Plan: must(graph.Plan("video/crop"))})
	fmt.Println(err)
	// Output: resolve video/crop: duckdb: missing dependency: feature video/crop needs video/raw, which holds nothing yet
}

func ExampleOpenURL() {
	dir, err := os.MkdirTemp("", "metaxy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	address := "duckdb://" + filepath.Join(dir, "metadata.duckdb")

	store, err := duckdb.OpenURL(context.Background(), address+"?memory_limit=512MB&threads=2")
	fmt.Println(err, store.Close())

	_, err = duckdb.OpenURL(context.Background(), address+"?memory=512MB")
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// invalid: duckdb URL: unknown option "memory"; there are allow_extensions, memory_limit, read_only, temp_directory, threads
}

func ExampleReadOnly() {
	_, err := duckdb.Open(context.Background(), "absent.duckdb", duckdb.ReadOnly())
	fmt.Println(err != nil)
	// Output: true
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
