//go:build cgo && duckdb_arrow

package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
	"github.com/metaxy-go/metaxy/storetest"
)

// dying ends the process at a moment of a write: the intent is recorded, the
// store has committed, the commit is registered.
type dying struct {
	catalog.Catalog
	at string
}

func (d dying) moment(at string) {
	if d.at != at {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	time.Sleep(time.Minute)
}

func (d dying) Begin(ctx context.Context, i catalog.Intent) error {
	err := d.Catalog.Begin(ctx, i)
	d.moment("begun")
	return err
}

func (d dying) RegisterMaterialization(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
	d.moment("committed")
	err := d.Catalog.RegisterMaterialization(ctx, m, v)
	d.moment("registered")
	return err
}

const dyingVariable = "METAXY_TEST_DIES"

// dies writes three rows and does not live to tell.
func dies(t *testing.T, at string) {
	t.Helper()
	cfg, err := config.Load("metaxy.toml")
	if err != nil {
		t.Fatal(err)
	}
	reg := config.NewRegistry(config.FileBackend(duckdb.Scheme, duckdb.OpenURL), config.FileCatalog("sqlite", func(ctx context.Context, url string) (catalog.Catalog, error) {
		c, err := sqlite.Open(ctx, strings.TrimPrefix(url, "sqlite://"))
		return dying{c, at}, err
	}))
	s, err := cfg.Open(t.Context(), reg, "")
	if err != nil {
		t.Fatal(err)
	}
	g, err := core.NewGraph(core.NewFeature("video/raw", core.ID("id"), core.Container("frames")))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := g.Plan("video/raw")
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, {Name: core.ColDataVersion, Type: core.DataVersionType([]string{"frames"})}}, nil)
	rows := storetest.RowsIn(t, storetest.Allocator(t), 2, schema, []any{"v1", []any{"a"}}, []any{"v2", []any{"b"}}, []any{"v3", []any{"b"}})
	_, err = s.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: rows})
	t.Fatalf("the process lives: %v", err)
}

// TestKilledBetweenStoreAndCatalog: a program that is killed anywhere between
// the intent and the end of a write leaves what the next one to use the store
// puts right: the catalog knows what the store holds, no more and no less.
func TestKilledBetweenStoreAndCatalog(t *testing.T) {
	if at := os.Getenv(dyingVariable); at != "" {
		dies(t, at)
	}
	for _, trust := range []string{"ask", "sole-writer", "every-writer"} {
		for _, at := range []string{"begun", "committed", "registered"} {
			if at == "begun" && trust != "every-writer" {
				continue // there are no intents
			}
			t.Run(trust+"/"+at, func(t *testing.T) { killedAt(t, trust, at) })
		}
	}
}

func killedAt(t *testing.T, trust, at string) {
	t.Helper()
	t.Chdir(t.TempDir())
	doc := "[stores.dev]\nbackend = \"duckdb://dev.duckdb\"\n[stores.dev.catalog]\nurl = \"sqlite://catalog.db\"\ntrust = \"" + trust + "\"\n"
	if err := os.WriteFile("metaxy.toml", []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^TestKilledBetweenStoreAndCatalog$")
	child.Env = append(os.Environ(), dyingVariable+"="+at)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended with %v: %s", err, out)
	}
	held := must(t, "features", "-o", "csv") // the next use
	if there := strings.Contains(held, "video/raw"); there != (at != "begun") {
		t.Errorf("the store says %s", held)
	}
	var text, errs bytes.Buffer
	code := run(t.Context(), []string{"catalog", "has", "video/raw", "--container", "frames", "--version", "b"}, nil, &text, &errs)
	if want := map[bool]int{true: exitClean, false: exitStale}[at != "begun"]; code != want {
		t.Errorf("has: code %d: %s", code, &errs)
	}
	if summary := must(t, "catalog", "verify"); !strings.Contains(summary, "no drift") {
		t.Errorf("verify: %s", summary)
	}
	if at == "begun" {
		return
	}
	if shown := must(t, "catalog", "show", "video/raw"); !strings.Contains(shown, "1 commit, 3 rows written, 3 samples now") || !strings.Contains(shown, "frames: 3 rows with 2 versions") {
		t.Errorf("show: %s", shown)
	}
}
