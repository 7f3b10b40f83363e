package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

func open(t *testing.T) core.Store {
	t.Helper()
	store, err := duckdb.Open(context.Background(), filepath.Join(t.TempDir(), "openmoji.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestOnDuckDB(t *testing.T) {
	store := open(t)
	if !store.Capabilities().NativeResolve {
		t.Error("DuckDB resolves natively")
	}
	check(t, store)
}

func TestOnDuckDBUniversal(t *testing.T) { check(t, universal{next: open(t)}) }

// What make demo runs, in a directory that is kept.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run(context.Background(), dir, printer{w: &out, colour: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\x1b[1m") {
		t.Error("no colour on a terminal")
	}
	goesOn(t, dir)
}

// goesOn opens what the program kept by the configuration that it left.
func goesOn(t *testing.T, dir string) {
	t.Helper()
	ctx := context.Background()
	reg := config.NewRegistry(config.FileBackend(duckdb.Scheme, duckdb.OpenURL), config.FileCatalog("sqlite", func(ctx context.Context, url string) (catalog.Catalog, error) {
		return sqlite.Open(ctx, strings.TrimPrefix(url, "sqlite://"))
	}))
	cfg, err := config.Check(filepath.Join(dir, "metaxy.toml"), reg)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := cfg.OpenHandles(ctx, reg, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := opened.Stack.Close(); err != nil {
			t.Error(err)
		}
	}()
	found, err := look(ctx, opened.Catalog, printer{w: io.Discard})
	if err != nil || found.features != 5 || found.commits != 20 || !found.drift.Clean() {
		t.Errorf("the catalog: %+v, %v", found, err)
	}
	e, err := opened.Catalog.Catalog().Entry(ctx, "openmoji/thumbnail")
	if err != nil || e.Rows != 4292+218+125 {
		t.Errorf("thumbnail: %d rows, %v", e.Rows, err)
	}
}
