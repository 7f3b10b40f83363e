package logging_test

import (
	"testing"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB) core.Store {
		return wrap(t, memory.New(memory.Allocator(storetest.Allocator(t))), logging.New(zap.NewNop()))
	}})
}
