// Package resolve is the universal engine: it finds what is new, stale and
// orphaned from Store.Read alone, so it answers for every store and every
// stack of layers alike.
package resolve

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// ByReading answers a resolve by reading the upstream and the feature itself
// through s, joining and hashing them here.
func ByReading(ctx context.Context, s core.Store, req core.ResolveRequest, opts ...Option) (core.Increment, error) {
	if err := req.Check(); err != nil {
		return core.Increment{}, err
	}
	return core.Increment{}, fmt.Errorf("universal resolve is being built: %w", core.ErrUnsupported)
}
