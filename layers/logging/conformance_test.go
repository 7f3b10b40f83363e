package logging_test

import (
	"testing"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestContract(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{Layer: func(testing.TB) core.Layer { return logging.New(zap.NewNop()) }})
}
