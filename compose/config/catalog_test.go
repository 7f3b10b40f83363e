package config_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

func parseCatalog(t *testing.T, dir, table string) (*config.Config, error) {
	t.Helper()
	return config.Parse("m", []byte("[stores.a]\nbackend = \"memory://\"\n[stores.a.metrics]\n[stores.a.catalog]\n"+table), dir)
}

func TestCatalogTable(t *testing.T) {
	dir := t.TempDir()
	cfg, err := parseCatalog(t, dir, "url = \"file-test://catalog.db\"\ntrust = \"sole-writer\"\n")
	if err != nil {
		t.Fatal(err)
	}
	var opened string
	prom := prometheus.NewRegistry()
	reg := config.NewRegistry(config.Metrics(prom), config.FileCatalog("file-test", func(_ context.Context, url string) (catalog.Catalog, error) {
		opened = url
		return catalog.NewMemory(), nil
	}))
	o, err := cfg.OpenHandles(t.Context(), reg, "a")
	if err != nil {
		t.Fatal(err)
	}
	if want := "file-test://" + filepath.Join(dir, "catalog.db"); opened != want {
		t.Errorf("opened %s, want %s", opened, want)
	}
	if url, err := cfg.CatalogURL("", reg); err != nil || url != opened {
		t.Errorf("%s, %v", url, err)
	}
	if _, err := o.Stack.Stat(t.Context(), core.StatRequest{Key: "video/none"}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Error(err)
	}
	if got := o.Catalog.Stats(); got.Answered != 1 {
		t.Errorf("the catalog answered nothing: %+v", got)
	}
	if _, err := o.Catalog.Verify(t.Context(), catalog.Job{}); err != nil {
		t.Error(err)
	}
	families, err := prom.Gather()
	if err != nil || !strings.Contains(fmt.Sprint(families), "catalog_drift_features") {
		t.Errorf("the drift is not watched: %v", err)
	}
	cat := o.Catalog.Catalog()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := cat.Entry(t.Context(), "a"); !errors.Is(err, core.ErrClosed) {
		t.Errorf("closing the stack left the catalog open: %v", err)
	}
	d, err := cfg.Describe("a")
	if err != nil || !strings.Contains(d.String(), "sole writer") {
		t.Errorf("%s, %v", d, err)
	}
}

func TestCatalogMistakes(t *testing.T) {
	for table, want := range map[string]string{
		"":                           "url",
		"url = \"sqlite://x.db\"\n":  "this program was built without sqlite://: import github.com/metaxy-go/metaxy/layers/catalog/sqlite and register it with config.Catalog",
		"url = \"postgres://h/d\"\n": "layers/catalog/postgres",
		"url = \"memory://x\"\n":     "the catalog in memory has no place",
		"url = \"sqlte://x\"\n":      `unknown catalog sqlte://; did you mean "sqlite"?`,
		"url = \"memory://\"\ntrust = \"sole-writer\"\nmax_age = \"1m\"\n": "answers do not age",
		"url = \"memory://\"\ntrust = \"everyone\"\n":                      "trust",
		"url = \"memory://?keep=all\"\n":                                   "keep=exact, keep=filter or keep=counts",
		"url = \"memory://?keep=filter&x=1\"\n":                            "has no place",
		"url = \"failing://h\"\nrequired = true\n":                         "m:5:1: url: unavailable: ask failing://h again",
	} {
		cfg, err := parseCatalog(t, t.TempDir(), table)
		if err == nil {
			reg := config.NewRegistry(config.Catalog("failing", func(_ context.Context, url string) (catalog.Catalog, error) {
				return nil, fmt.Errorf("%w: ask %s again", core.ErrUnavailable, url)
			}))
			_, err = cfg.OpenHandles(t.Context(), reg, "a")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", table, err, want)
		}
	}
	cfg, err := config.Parse("m", []byte("[stores.a]\nbackend = \"memory://\"\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.CatalogURL("a", config.NewRegistry()); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
}

// Every key of the table does something.
func TestCatalogKeysCount(t *testing.T) {
	drawn := func(table string) string {
		cfg, err := parseCatalog(t, t.TempDir(), table)
		if err != nil {
			t.Fatal(err)
		}
		d, err := cfg.Describe("a")
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	const url = "url = \"memory://\"\n"
	plain := drawn(url)
	for key, value := range map[string]string{"trust": `"sole-writer"`, "max_age": `"1m"`, "required": "true", "no_catch_up": "true", "catch_up_rows": "7"} {
		if drawn(url+key+" = "+value+"\n") == plain {
			t.Errorf("%s = %s changes nothing", key, value)
		}
	}
	known := map[string]bool{"url": true, "password": true, "trust": true, "max_age": true, "required": true, "no_catch_up": true, "catch_up_rows": true}
	for _, k := range config.Kinds() {
		for _, key := range k.Keys {
			if k.Table == "catalog" && !known[key.Name] {
				t.Errorf("nothing tests %s", key.Name)
			}
		}
	}
	cfg, err := parseCatalog(t, t.TempDir(), "url = \"net-test://me@host/db\"\npassword = \"env:CATALOG_PASSWORD\"\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CATALOG_PASSWORD", "s3cret")
	var opened string
	o, err := cfg.OpenHandles(t.Context(), config.NewRegistry(config.Catalog("net-test", func(_ context.Context, url string) (catalog.Catalog, error) {
		opened = url
		return catalog.NewMemory(), nil
	})), "a")
	if err != nil || !strings.Contains(opened, "s3cret@host") {
		t.Fatalf("%v: the password did not reach the URL", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// The care of a catalog is for whoever administers the whole store, and on record.
func TestMaintainCatalog(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns), "prod")
	for who, want := range map[string]error{"user:eve": nil, "user:but": core.ErrDenied, "user:one": core.ErrDenied, "": core.ErrUnauthenticated} {
		ctx := t.Context()
		if who != "" {
			ctx = w.as(who)
		}
		done := false
		err := o.MaintainCatalog(ctx, "verify", func() error { done = true; return nil })
		if !errors.Is(err, want) || done != (want == nil) {
			t.Errorf("%q: done %v, %v, want %v", who, done, err, want)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := w.parse(document(someColumns)).Access(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.MaintainCatalog(w.as("user:one"), "set aside", func() error { t.Error("done"); return nil }); !errors.Is(err, core.ErrDenied) {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range audit.Search(t.Context(), w.path("audit"), audit.Query{Part: "catalog"}) {
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Event; e.Identity == "user:eve" && strings.HasPrefix(e.Reason, "verify: ") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d records of a decision and its outcome", n)
	}
}
