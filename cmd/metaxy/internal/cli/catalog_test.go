package cli

import (
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// How versions are kept is the catalog's part of a URL, not the database's.
func TestPostgresCatalogKeeps(t *testing.T) {
	url := pgtest.Start(t)
	mark := "?"
	if strings.Contains(url, "?") {
		mark = "&"
	}
	cfg, err := config.Parse("m", []byte("[stores.a]\nbackend = \"memory://\"\n[stores.a.catalog]\nrequired = true\nurl = \""+url+mark+"keep=filter\"\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.OpenHandles(t.Context(), registry(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if e, err := o.Catalog.Catalog().Entry(t.Context(), "video/raw"); err != nil || e.Mode != catalog.Filter {
		t.Errorf("mode %d, %v", e.Mode, err)
	}
}
