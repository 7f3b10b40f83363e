package fallback_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

// With empty legs the layer must not be seen.
func TestContract(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{
		Layer: func(t testing.TB) core.Layer {
			return fallback.NewWith(fallback.Leg("staging", storetest.Empty(t)), fallback.Leg("prod", storetest.Empty(t)))
		},
	})
}

// So must an overlay, whether its legs are empty or hold other features.
func TestOverlayContract(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{
		Layer: func(t testing.TB) core.Layer {
			return fallback.NewWith(fallback.Overlay(), fallback.Leg("staging", storetest.Empty(t)), fallback.Leg("prod", storetest.Empty(t)))
		},
	})
}
