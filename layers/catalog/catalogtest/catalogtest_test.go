package catalogtest_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/catalogtest"
)

func TestMemory(t *testing.T) {
	for name, mode := range map[string]catalog.Mode{"exact": catalog.Exact, "filter": catalog.Filter, "counts": catalog.Counts} {
		t.Run(name, func(t *testing.T) {
			catalogtest.Run(t, catalogtest.Config{Mode: mode, New: func(testing.TB) catalog.Catalog { return catalog.NewMemory(catalog.Keep(mode)) }})
		})
	}
}
