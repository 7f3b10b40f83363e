package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/storetest"
)

// Features that are not there push out no answer, and take a bounded share.
func TestMissingPushesOutNothing(t *testing.T) {
	const budget = 64 << 10
	for name, opts := range map[string][]cache.Option{
		"tinylfu": {cache.MaxBytes(budget)},
		"lru":     {cache.MaxBytes(budget), cache.LRU(), cache.MaxEntries(1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, opts...)
			videos(t, r.store, 0, 10)
			r.same(t, core.ReadRequest{}, 1)
			before := r.cache.Stats()
			for i := range 1000 {
				_, err := r.store.Read(t.Context(), core.ReadRequest{Key: core.FeatureKey(fmt.Sprint("none/f", i))})
				if !errors.Is(err, core.ErrFeatureNotFound) {
					t.Fatal(err)
				}
			}
			r.same(t, core.ReadRequest{}, 0)
			after := r.cache.Stats()
			if took := after.Bytes - before.Bytes; took <= 0 || took > budget/64 || after.Entries != 1 {
				t.Errorf("what is missing takes %d bytes, want at most %d: %+v", took, budget/64, after)
			}
		})
	}
}

// A write that comes between being told that the feature is missing and
// believing it is not hidden.
func TestWriteWhileMissing(t *testing.T) {
	r := newRig(t, cache.MissingTTL(time.Hour))
	r.fault.Sleeper(func(context.Context, time.Duration) error {
		videos(t, r.store, 0, 10)
		return nil
	})
	r.fault.Set(
		storetest.Rule{Op: core.OpStat, Nth: 1, Do: storetest.Delay, Delay: 1},
		storetest.FailNth(core.OpStat, 1, core.ErrFeatureNotFound),
	)
	if _, err := r.store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Fatal(err)
	}
	if n := len(read(t, r.store, core.ReadRequest{})); n != 10 {
		t.Errorf("%d rows, want the 10 that were written", n)
	}
}
