// Command openmoji brings two releases of a real image collection into a
// DuckDB file and recomputes what the second one changed, and nothing else.
//
//	go run -tags duckdb_arrow ./openmoji
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

func main() {
	dir := flag.String("dir", "", "keep openmoji.duckdb in this directory; a temporary one when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *dir, newPrinter(os.Stdout))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "openmoji:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, out printer) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "metaxy-openmoji-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	graph, err := core.NewGraph(features()...)
	if err != nil {
		return err
	}
	store, err := duckdb.Open(ctx, filepath.Join(dir, "openmoji.duckdb"))
	if err != nil {
		return err
	}
	_, err = demo{store: store, graph: graph, out: out}.run(ctx)
	return errors.Join(err, store.Close())
}
