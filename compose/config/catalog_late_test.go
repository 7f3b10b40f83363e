package config_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/catalogtest"
)

// A catalog that is down when the program starts stops no write, and gets what
// was written once it answers.
func TestCatalogIsDownAtStart(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	cat := catalog.NewMemory()
	seen, logs := observer.New(zapcore.WarnLevel)
	reg := config.NewRegistry(config.Logger(zap.New(seen)), config.Catalog("net-test", func(context.Context, string) (catalog.Catalog, error) {
		if down.Load() {
			return nil, fmt.Errorf("%w: nobody listens", core.ErrUnavailable)
		}
		return cat, nil
	}))
	cfg, err := parseCatalog(t, t.TempDir(), "url = \"net-test://h\"\n")
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.OpenHandles(t.Context(), reg, "a")
	if err != nil {
		t.Fatal(err)
	}
	if logs.FilterMessageSnippet("the catalog cannot be used").Len() != 1 {
		t.Errorf("nothing was said: %v", logs.All())
	}
	if err := (&world{t: t}).some(t.Context(), o.Stack); err != nil {
		t.Fatalf("a write: %v", err)
	}
	if err := o.OpenCatalog(t.Context()); !errors.Is(err, core.ErrUnavailable) || !strings.Contains(err.Error(), "m:5:1: url: ") {
		t.Error(err)
	}
	if _, err := o.Catalog.Verify(t.Context(), catalog.Job{}); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("compared with nothing: %v", err)
	}
	down.Store(false)
	if err := o.OpenCatalog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Catalog.Reconcile(t.Context(), catalog.Job{}); err != nil {
		t.Fatal(err)
	}
	if e, err := cat.Entry(t.Context(), people); err != nil || e.Commits != 1 {
		t.Errorf("%d commits, %v", e.Commits, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := cat.Entry(t.Context(), people); !errors.Is(err, core.ErrClosed) {
		t.Errorf("the catalog is still open: %v", err)
	}
}

// A catalog that never answers delays a store and its calls a little, once.
func TestCatalogHangs(t *testing.T) {
	var attempts atomic.Int64
	reg := config.NewRegistry(config.Logger(zap.NewNop()), config.Catalog("net-test", func(ctx context.Context, _ string) (catalog.Catalog, error) {
		attempts.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	cfg, err := parseCatalog(t, t.TempDir(), "url = \"net-test://h\"\n")
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.OpenHandles(t.Context(), reg, "a")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 100 {
		if _, err := o.Catalog.Catalog().Entry(t.Context(), people); !errors.Is(err, core.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if err := (&world{t: t}).some(t.Context(), o.Stack); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("calls waited %s", took)
	}
	if err := o.Close(); err != nil { // ends the attempt
		t.Error(err)
	}
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d attempts at once", n)
	}
}

// The stand-in is as good a catalog as the one that it opens.
func TestLateCatalogConforms(t *testing.T) {
	for _, mode := range []string{"exact", "filter", "counts"} {
		t.Run(mode, func(t *testing.T) {
			catalogtest.Run(t, catalogtest.Config{
				Mode: map[string]catalog.Mode{"exact": catalog.Exact, "filter": catalog.Filter, "counts": catalog.Counts}[mode],
				New: func(t testing.TB) catalog.Catalog {
					cfg, err := config.Parse("m", []byte("[stores.a]\nbackend = \"memory://\"\n[stores.a.catalog]\nurl = \"memory://?keep="+mode+"\"\n"), t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					o, err := cfg.OpenHandles(t.Context(), config.NewRegistry(), "a")
					if err != nil {
						t.Fatal(err)
					}
					return o.Catalog.Catalog()
				},
			})
		})
	}
}

// CatalogMode leaves a URL as it is but for its own part.
func TestCatalogMode(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://h/d": "postgres://h/d exact", "postgres://h/d?keep=counts": "postgres://h/d counts",
		"postgres://h/d?sslmode=disable&keep=filter&x=%3F": "postgres://h/d?sslmode=disable&x=%3F filter",
		"postgres://h/d?keep=all":                          "invalid", "postgres://h/d?keep=exact&keep=exact": "invalid",
	} {
		rest, mode, err := config.CatalogMode(url)
		got := rest + " " + map[catalog.Mode]string{catalog.Exact: "exact", catalog.Filter: "filter", catalog.Counts: "counts"}[mode]
		if errors.Is(err, core.ErrInvalid) {
			got = "invalid"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", url, got, err, want)
		}
	}
}
