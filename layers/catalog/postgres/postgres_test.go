package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/catalogtest"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
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
func at(ctx context.Context, url string, step func(string)) (catalog.Catalog, error) {
	return postgres.Open(ctx, url, postgres.Step(step), postgres.Connections(4))
}

func open(t testing.TB, url string, opts ...postgres.Option) catalog.Catalog {
	t.Helper()
	c, err := postgres.Open(t.Context(), url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	for name, mode := range map[string]catalog.Mode{"exact": catalog.Exact, "filter": catalog.Filter, "counts": catalog.Counts} {
		t.Run(name, func(t *testing.T) {
			urls := map[catalog.Catalog]string{}
			catalogtest.Run(t, catalogtest.Config{
				Mode: mode,
				New: func(t testing.TB) catalog.Catalog {
					url := pgtest.Start(t)
					c := open(t, url, postgres.Keep(mode))
					urls[c] = url
					return c
				},
				Reopen: func(t testing.TB, c catalog.Catalog) catalog.Catalog {
					url := urls[c]
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
					again := open(t, url, postgres.Keep(mode))
					urls[again] = url
					return again
				},
			})
		})
	}
}

func TestMerges(t *testing.T) {
	c := open(t, pgtest.Start(t))
	defer c.Close()
	sqlcattest.Merges(t, c, 60, 300)
	big := open(t, pgtest.Start(t), postgres.FilterMemory(64<<10))
	defer big.Close()
	sqlcattest.Merges(t, big, 24, 12_000)
}

func TestKilled(t *testing.T) { sqlcattest.Kills(t, at, pgtest.Start(t)) }

func TestKilledLater(t *testing.T) { sqlcattest.KillsLater(t, at, pgtest.Start(t)) }

func TestProcesses(t *testing.T) { sqlcattest.Processes(t, at, pgtest.Start(t), 4, 25) }
