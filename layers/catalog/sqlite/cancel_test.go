package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
)

// brief is a context that ends at any moment of a statement.
func brief(most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), rand.N(most)) //nolint:gosec // spreads the moments
}

// TestCancelledBegin: a call whose context ends while its transaction begins
// leaves none open: neither a lock that keeps everybody from writing, nor a
// state of long ago that is read from then on.
func TestCancelledBegin(t *testing.T) {
	path := temporary(t)
	c, other := open(t, path), open(t, path)
	defer c.Close()
	defer other.Close()
	for seq := range int64(200) {
		for range 25 {
			ctx, cancel := brief(60 * time.Microsecond)
			_, _ = c.Entry(ctx, "cancelled/read")
			cancel()
			ctx, cancel = brief(400 * time.Microsecond)
			_ = c.Begin(ctx, catalog.Intent{Key: "cancelled/write", ID: "a", Begun: time.Now()})
			cancel()
		}
		key := core.FeatureKey(fmt.Sprintf("cancelled/f%d", seq))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := other.RegisterMaterialization(ctx, sqlcattest.Commit(key, 1, 3), sqlcattest.Fresh(3, 1)); err != nil {
			t.Fatalf("round %d: nobody can write any more: %v", seq, err)
		}
		cancel()
		if p, err := c.HasFeature(t.Context(), key); err != nil || p != catalog.Yes {
			t.Fatalf("round %d: %v, %v for what is registered", seq, p, err)
		}
		if e, err := c.Entry(t.Context(), key); err != nil || !e.Known() {
			t.Fatalf("round %d: an old state is read: %v", seq, err)
		}
	}
}
