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
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

func main() {
	dir := flag.String("dir", "", "keep the store and its catalog in this directory; a temporary one when empty")
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
	kept := dir != ""
	if !kept {
		if dir, err = os.MkdirTemp("", "metaxy-openmoji-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	graph, err := core.NewGraph(features()...)
	if err != nil {
		return err
	}
	cat, err := sqlite.Open(ctx, filepath.Join(dir, "openmoji.catalog.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	db, err := duckdb.Open(ctx, filepath.Join(dir, "openmoji.duckdb"))
	if err != nil {
		return err
	}
	keeper := catalog.New(cat, catalog.SoleWriter())
	store, err := compose.New(db, compose.With(keeper))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := (demo{store: store, graph: graph, out: out}).run(ctx); err != nil {
		return err
	}
	if _, err := look(ctx, keeper, out); err != nil || !kept {
		return err
	}
	out.line("\n   Kept in %s, with a metaxy.toml: there, try metaxy catalog ls.", dir)
	return keep(dir)
}
