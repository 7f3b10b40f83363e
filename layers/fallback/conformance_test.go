package fallback_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB) core.Store {
		base, leg := memory.New(memory.Allocator(storetest.Allocator(t))), memory.New()
		s, err := fallback.New(leg).Wrap(base)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(); _ = base.Close(); _ = leg.Close() })
		return s
	}})
}
