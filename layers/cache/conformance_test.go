package cache_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestContract(t *testing.T) {
	for name, opts := range map[string][]cache.Option{
		"default": nil,
		"lru":     {cache.LRU(), cache.MaxEntries(4)},
		"tiny":    {cache.MaxBytes(4 << 10)}, // most answers are too large to be kept
	} {
		t.Run(name, func(t *testing.T) {
			storetest.RunLayer(t, storetest.LayerConfig{
				Layer:     func(testing.TB) core.Layer { return cache.New(opts...) },
				NotCalled: map[core.Op]string{core.OpResolve: "a store that resolves by reading is resolved through the cache, which its reads then use"},
			})
		})
	}
}
