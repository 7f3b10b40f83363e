//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

// foreign runs SQL on a file with DuckDB's own driver.
func foreign(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	foreign(t, at("theirs"), "CREATE TABLE t (i INTEGER)")
	foreign(t, at("newer"), "CREATE SCHEMA metaxy", "CREATE TABLE metaxy.format AS SELECT 'metaxy-go' AS program, 99::INTEGER AS version")
	foreign(t, at("other"), "CREATE SCHEMA metaxy", "CREATE TABLE metaxy.format AS SELECT 'python' AS program, 1::INTEGER AS version")
	if err := os.WriteFile(at("text"), []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	good := mustOpen(t, at("damaged"))
	write(t, good, "root", rootRows(0, 50_000, "v"))
	closeStore(t, good)
	raw, err := os.ReadFile(at("damaged"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < 12288; i++ {
		raw[i] ^= 0x5a
	}
	if err := os.WriteFile(at("damaged"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		sentinel error
		text     string
	}{
		"theirs":            {core.ErrInvalid, "another program"},
		"newer":             {core.ErrUnsupported, "format 99"},
		"other":             {core.ErrInvalid, "python"},
		"text":              {core.ErrInvalid, "no DuckDB database"},
		"damaged":           {core.ErrIntegrity, ""},
		"no/such/directory": {core.ErrInvalid, ""},
		".":                 {core.ErrInvalid, ""},
		"a?b":               {core.ErrInvalid, "'?'"},
	} {
		_, err := duckdb.Open(t.Context(), dir+"/"+name)
		if !errors.Is(err, want.sentinel) || !strings.Contains(fmt.Sprint(err), want.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, want.sentinel, want.text)
		}
	}
	if _, err := duckdb.Open(t.Context(), at("absent"), duckdb.ReadOnly()); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a read-only open of nothing: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	s := mustOpen(t, path)
	write(t, s, "root", rootRows(0, 10, "v"))
	closeStore(t, s)
	ro := mustOpen(t, path, duckdb.ReadOnly())
	defer closeStore(t, ro)
	_, err := ro.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "root"), Rows: rootRows(0, 1, "w")})
	if !errors.Is(err, core.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
	_, err = ro.Evolve(t.Context(), core.EvolveRequest{Key: "root", Base: 1, Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: "n", To: "m"}}})
	if !errors.Is(err, core.ErrReadOnly) {
		t.Errorf("evolve: %v", err)
	}
	inc, err := ro.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, "leaf"), Columns: []string{"n"}})
	if err != nil || inc.Stats.New != 10 {
		t.Errorf("resolve: %+v, %v", inc.Stats, err)
	}
	if _, err := duckdb.Open(t.Context(), path); !errors.Is(err, core.ErrConflict) {
		t.Errorf("the same file with other options: %v, want ErrConflict", err)
	}
}

func TestBlankReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	foreign(t, path, "SELECT 1")
	s := mustOpen(t, path, duckdb.ReadOnly())
	defer closeStore(t, s)
	if _, err := s.Read(t.Context(), core.ReadRequest{Key: "root"}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("read: %v", err)
	}
	if _, err := s.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, "leaf")}); !errors.Is(err, core.ErrDependency) {
		t.Errorf("resolve: %v", err)
	}
	for info, err := range s.List(t.Context(), core.ListRequest{}) {
		t.Errorf("list: %v, %v", info.Key, err)
	}
}
