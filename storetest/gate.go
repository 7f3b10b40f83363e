package storetest

import (
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// gate remembers that a layer's store was closed.
type gate struct{ closed atomic.Bool }

func (g *gate) close() { g.closed.Store(true) }

// check is what every method asks first.
func (g *gate) check(op core.Op, key core.FeatureKey, layer string) error {
	if g.closed.Load() {
		return core.WrapError(op, key, layer, core.ErrClosed)
	}
	return nil
}
