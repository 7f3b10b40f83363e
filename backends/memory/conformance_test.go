package memory_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestConformance runs the whole contract. Reopen and Kill have nothing to run
// on: the store lives as long as the process.
func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Checks: 4,
		New: func(t testing.TB) core.Store {
			return memory.New(memory.Allocator(storetest.Allocator(t)))
		},
	})
}
