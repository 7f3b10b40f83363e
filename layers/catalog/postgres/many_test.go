package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
)

// TestManyConnections: 64 connections register at once, each in a feature of its
// own and all in one, into a server that flushes every commit; nothing is lost
// and no caller sees an error. It prints how much that is a second.
func TestManyConnections(t *testing.T) {
	const writers, times = 64, 10
	c := open(t, pgtest.Start(t, pgtest.Durable()), postgres.Connections(writers))
	defer c.Close()
	own := func(n int64) core.FeatureKey { return core.FeatureKey(fmt.Sprintf("many/f%d", n)) }
	register := func(what string, key func(n int64) core.FeatureKey, seq func(n, i int64) int64) {
		began := time.Now()
		var all sync.WaitGroup
		for n := range int64(writers) {
			all.Go(func() {
				for i := range int64(times) {
					at := seq(n, i)
					if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit(key(n), at, 10), sqlcattest.Fresh(10, uint64(n*times+i))); err != nil { //nolint:gosec // positive
						t.Errorf("%s, connection %d, commit %d: %v", what, n, at, err)
					}
				}
			})
		}
		all.Wait()
		t.Logf("%d connections, %s: %.0f registrations a second", writers, what, writers*times/time.Since(began).Seconds())
	}
	register("a feature each", own, func(_, i int64) int64 { return i + 1 })
	register("one feature", func(int64) core.FeatureKey { return followed }, func(n, i int64) int64 { return n*times + i + 1 })
	for n := range int64(writers) {
		if err := sqlcattest.Whole(t.Context(), c, own(n), times, 10); err != nil {
			t.Error(err)
		}
	}
	if err := sqlcattest.Whole(t.Context(), c, followed, writers*times, 10); err != nil {
		t.Error(err)
	}
}
