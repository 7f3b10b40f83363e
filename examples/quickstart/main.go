// Command quickstart is the stack of the README: a DuckDB store in dev that
// logs its calls and reads from prod what dev lacks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	memorystore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

func main() {
	if err := inTempDir(func() error { return run(context.Background(), os.Stdout) }); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run resolves video/faces in an empty dev store whose prod holds two videos.
func run(ctx context.Context, out io.Writer) error {
	raw := core.NewFeature("video/raw", core.Container("frames"), core.Container("audio"))
	faces := core.NewFeature("video/faces", core.DependsOn("video/raw"),
		core.Container("boxes", core.Code("2"), core.From("video/raw", "frames"))) // audio may change, boxes stay
	graph, err := core.NewGraph(raw, faces)
	if err != nil {
		return err
	}
	prod, err := filled(ctx, graph)
	if err != nil {
		return err
	}
	defer prod.Close()
	logger := zap.NewNop()

	db, err := duckdb.Open(ctx, "dev.duckdb")
	if err != nil {
		return err
	}
	store, err := compose.New(db, compose.With(logging.New(logger), fallback.New(prod)))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	defer store.Close()

	plan, err := graph.Plan("video/faces")
	if err != nil {
		return err
	}
	todo, err := store.Resolve(ctx, core.ResolveRequest{Plan: plan}) // todo.New, todo.Stale, todo.Orphaned
	if err != nil {
		return err
	}
	fmt.Fprint(out, store)
	fmt.Fprintf(out, "\n%s: %d new, %d stale, %d orphaned\n", plan.Key(), todo.Stats.New, todo.Stats.Stale, todo.Stats.Orphaned)
	return nil
}

// filled is a store that stands for prod: two videos.
func filled(ctx context.Context, graph *core.Graph) (core.Store, error) {
	plan, err := graph.Plan("video/raw")
	if err != nil {
		return nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(plan.ContainerNames())},
	}, nil))
	defer b.Release()
	for _, id := range []string{"a.mp4", "b.mp4"} {
		b.Field(0).(*array.StringBuilder).Append(id)
		versions := b.Field(1).(*array.StructBuilder)
		versions.Append(true)
		for i, name := range plan.ContainerNames() {
			versions.FieldBuilder(i).(*array.StringBuilder).Append("hash of the " + name + " of " + id)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	prod := memorystore.New()
	_, err = prod.Write(ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)})
	return prod, err
}

// inTempDir runs f in a directory of its own, so that dev.duckdb is made there.
func inTempDir(f func() error) (err error) {
	dir, err := os.MkdirTemp("", "metaxy-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return f()
}
