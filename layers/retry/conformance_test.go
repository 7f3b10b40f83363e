package retry_test

import (
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

// Without a second attempt every fault surfaces.
func TestContractOneAttempt(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{Layer: func(testing.TB) core.Layer { return retry.New(retry.Attempts(1)) }})
}

// With more, and a second read at once, a fault that comes once is absorbed.
func TestContract(t *testing.T) {
	absorbs := map[core.Op]string{}
	for op := range core.Ops() {
		absorbs[op] = "what could not be reached is asked again"
	}
	storetest.RunLayer(t, storetest.LayerConfig{
		Layer: func(testing.TB) core.Layer {
			return retry.New(retry.Backoff(time.Microsecond, time.Microsecond), retry.Breaker(100, time.Second), retry.Timeout(time.Minute))
		},
		Absorbs: absorbs,
	})
}

// The same with a second read that races the first.
func TestContractHedged(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{
		Layer:   func(testing.TB) core.Layer { return retry.New(retry.Attempts(1), retry.Hedge(time.Nanosecond)) },
		Absorbs: map[core.Op]string{core.OpRead: "the second read answers"},
	})
}
