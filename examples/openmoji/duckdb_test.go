package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
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
	if _, err := os.Stat(filepath.Join(dir, "openmoji.duckdb")); err != nil {
		t.Error(err)
	}
}
