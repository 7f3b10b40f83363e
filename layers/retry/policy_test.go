package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

// A client below that lost patience is unavailable, and is asked again as long
// as the caller waits; a driver that reports the caller's end as unavailability
// is not, and the error is the context's.
func TestWhoseContextEnded(t *testing.T) {
	for _, cause := range []error{context.DeadlineExceeded, context.Canceled} {
		wrapped := fmt.Errorf("%w: %w", core.ErrUnavailable, cause)
		for op := range core.Ops() {
			t.Run(fmt.Sprint(op, " ", cause), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault := storetest.Fault()
					store := over(t, fault)
					fault.Set(storetest.FailNth(op, 1, wrapped), storetest.FailNth(op, 2, wrapped))
					if err := call(t, store, op); err != nil {
						t.Errorf("theirs: %v", err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					fault.Sleeper(func(context.Context, time.Duration) error { cancel(); return nil })
					fault.Set(storetest.Latency(0, time.Second), storetest.Rule{Do: storetest.Fail, Err: core.ErrUnavailable})
					err := callIn(ctx, t, store, op)
					if !errors.Is(err, context.Canceled) || errors.Is(err, core.ErrUnavailable) || fault.Calls() != 1 {
						t.Errorf("the caller's: %v after %d calls", err, fault.Calls())
					}
				})
			})
		}
	}
}

// A migration that was made and answered too late is no conflict either.
func TestEvolveThatTookTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateEvolve{Store: storetest.Populated(t)}
		store, err := retry.New(retry.Timeout(time.Second)).Wrap(late)
		if err != nil {
			t.Fatal(err)
		}
		if err := call(t, store, core.OpEvolve); err != nil || late.calls != 2 {
			t.Errorf("%v after %d calls", err, late.calls)
		}
	})
}

// lateEvolve makes the first migration and gives no answer.
type lateEvolve struct {
	core.Store
	calls int
}

func (s *lateEvolve) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	info, err := s.Store.Evolve(ctx, req)
	if s.calls++; s.calls == 1 {
		<-ctx.Done()
		return core.Info{}, ctx.Err()
	}
	return info, err
}
