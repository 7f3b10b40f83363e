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
