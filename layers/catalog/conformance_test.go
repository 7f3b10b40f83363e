package catalog_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestContract(t *testing.T) {
	answered := map[core.Op]string{core.OpStat: "answered from the catalog", core.OpList: "answered from the catalog"}
	catchesUp := "the comparison at the first use never fails an operation; it is made again"
	for name, c := range map[string]struct {
		opts      []catalog.Option
		notCalled map[core.Op]string
		absorbs   map[core.Op]string
	}{
		"default":     {absorbs: map[core.Op]string{core.OpStat: catchesUp, core.OpWrite: "the commit is there; what the store says of it is asked later"}},
		"required":    {opts: []catalog.Option{catalog.RequireCatalog()}, absorbs: map[core.Op]string{core.OpStat: catchesUp, core.OpWrite: "as by default"}},
		"sole":        {opts: []catalog.Option{catalog.SoleWriter()}, notCalled: answered, absorbs: map[core.Op]string{core.OpStat: catchesUp, core.OpWrite: "as by default"}},
		"every":       {opts: []catalog.Option{catalog.EveryWriterRegisters()}, notCalled: answered, absorbs: map[core.Op]string{core.OpStat: catchesUp, core.OpWrite: "as by default"}},
		"tiny memory": {opts: []catalog.Option{catalog.SpillAfter(1<<10, "")}, absorbs: map[core.Op]string{core.OpStat: catchesUp, core.OpWrite: "as by default"}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.RunLayer(t, storetest.LayerConfig{
				Layer:     func(testing.TB) core.Layer { return catalog.New(catalog.NewMemory(), c.opts...) },
				NotCalled: c.notCalled, Absorbs: c.absorbs,
			})
		})
	}
}
