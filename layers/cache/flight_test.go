package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/storetest"
)

// holdUntilCancelled is hold with reads that also end with their context.
func (r *rig) holdUntilCancelled() chan struct{} {
	gate := make(chan struct{})
	r.fault.Sleeper(func(ctx context.Context, _ time.Duration) error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	r.fault.Set(storetest.Latency(core.OpRead, 1))
	return gate
}

// A leader whose context ends takes nobody with it: one of those who wait reads
// in its place, and the others get that answer.
func TestLeaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		videos(t, r.store, 0, 500)
		gate := r.holdUntilCancelled()
		const leaders, waiters = 3, 99
		var cancels []context.CancelFunc
		var wg sync.WaitGroup
		for range leaders {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			wg.Go(func() {
				rows, err := r.store.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := rows.Count(); !errors.Is(err, context.Canceled) {
					t.Errorf("a cancelled read gave %v", err)
				}
			})
			synctest.Wait() // the first leads, the others wait
		}
		for range waiters {
			wg.Go(func() {
				if n := len(read(t, r.store, core.ReadRequest{})); n != 500 {
					t.Errorf("%d rows", n)
				}
			})
		}
		synctest.Wait()
		for _, i := range []int{1, 0, 2} { // one that waits, the leader, and another
			cancels[i]()
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		if n := r.reads(); n < 2 || n > 3 { // the third may have led in between
			t.Errorf("%d reads below, want 2 or 3", n)
		}
		if s := r.cache.Stats(); s.Entries != 1 || s.Misses != r.reads() || s.Shared != waiters-1 {
			t.Errorf("stats %+v", s)
		}
	})
}

// timeless hides that a store can read the past, so that the cache asks again,
// after a read, whether the feature is still what it was.
type timeless struct{ core.Store }

func (s timeless) Capabilities() core.Capabilities {
	c := s.Store.Capabilities()
	c.TimeTravel = false
	return c
}

// A store that is closed during a miss keeps nothing of it.
func TestCloseDuringMiss(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	bare := memory.New(memory.Allocator(mem))
	videos(t, bare, 0, 100)
	fault, handle := storetest.Fault(), cache.New()
	broken, err := fault.Wrap(timeless{bare})
	if err != nil {
		t.Fatal(err)
	}
	store, err := handle.Wrap(broken)
	if err != nil {
		t.Fatal(err)
	}
	stats := 0
	fault.Sleeper(func(context.Context, time.Duration) error {
		if stats++; stats == 2 { // the rows were read
			return store.Close()
		}
		return nil
	})
	fault.Set(storetest.Latency(core.OpStat, 1))
	if n := len(read(t, store, core.ReadRequest{})); n != 100 || stats != 2 {
		t.Errorf("%d rows after %d stats", n, stats)
	}
	if s := handle.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("a closed store kept an answer: %+v", s)
	}
	if err := bare.Close(); err != nil {
		t.Error(err)
	}
	mem.AssertSize(t, 0)
}
