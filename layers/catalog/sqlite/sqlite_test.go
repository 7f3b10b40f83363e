package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/catalogtest"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

func TestMain(m *testing.M) {
	child, err := sqlcattest.Child(at)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case !child:
		os.Exit(m.Run())
	}
}

// at opens a catalog for the tests with processes.
func at(ctx context.Context, path string, step func(string)) (catalog.Catalog, error) {
	return sqlite.Open(ctx, path, sqlite.Step(step))
}

func open(t testing.TB, path string, opts ...sqlite.Option) catalog.Catalog {
	t.Helper()
	c, err := sqlite.Open(t.Context(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func temporary(t testing.TB) string { return filepath.Join(t.TempDir(), "a catalog?.db") }

func TestConformance(t *testing.T) {
	for name, mode := range map[string]catalog.Mode{"exact": catalog.Exact, "filter": catalog.Filter, "counts": catalog.Counts} {
		t.Run(name, func(t *testing.T) {
			paths := map[catalog.Catalog]string{}
			catalogtest.Run(t, catalogtest.Config{
				Mode: mode,
				New: func(t testing.TB) catalog.Catalog {
					path := temporary(t)
					c := open(t, path, sqlite.Keep(mode))
					paths[c] = path
					return c
				},
				Reopen: func(t testing.TB, c catalog.Catalog) catalog.Catalog {
					path := paths[c]
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
					again := open(t, path, sqlite.Keep(mode))
					paths[again] = path
					return again
				},
			})
		})
	}
}

func TestMerges(t *testing.T) {
	c := open(t, temporary(t))
	defer c.Close()
	sqlcattest.Merges(t, c, 60, 300)
	big := open(t, temporary(t), sqlite.FilterMemory(64<<10))
	defer big.Close()
	sqlcattest.Merges(t, big, 24, 12_000)
}

func TestKilled(t *testing.T) { sqlcattest.Kills(t, at, temporary(t)) }

func TestKilledLater(t *testing.T) { sqlcattest.KillsLater(t, at, temporary(t)) }

func TestProcesses(t *testing.T) { sqlcattest.Processes(t, at, temporary(t), 4, 25) }
