package storetest_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// newMemory is the store that the suite's own tests use.
func newMemory(t testing.TB) core.Store {
	return memory.New(memory.Allocator(storetest.Allocator(t)))
}

// TestMemory: the suite accepts the reference store.
func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Config{New: newMemory})
}

// TestTransparentLayers: the tools themselves are layers that change nothing.
func TestTransparentLayers(t *testing.T) {
	layers := map[string]func(t testing.TB) core.Layer{
		"tap":   func(testing.TB) core.Layer { return storetest.Tap() },
		"fault": func(testing.TB) core.Layer { return storetest.Fault() },
	}
	for name, layer := range layers {
		t.Run(name, func(t *testing.T) { storetest.RunLayer(t, storetest.LayerConfig{Layer: layer}) })
	}
}
