package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// over stacks retry over faults over a store that holds the fixtures' videos,
// in batches of two rows.
func over(t testing.TB, fault *storetest.FaultLayer, opts ...retry.Option) core.Store {
	t.Helper()
	bare := memory.New()
	faulty, err := fault.Wrap(bare)
	if err != nil {
		t.Fatal(err)
	}
	store, err := retry.New(opts...).Wrap(faulty)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := bare.Write(t.Context(), write(t, "", i*10, i*10+10)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(store.Close(), bare.Close()); err != nil {
			t.Error(err)
		}
	})
	return store
}

func write(t testing.TB, id string, from, to int) core.WriteRequest {
	t.Helper()
	plan, err := storetest.Graph().Plan(storetest.KeyVideo)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for i := from; i < to; i++ {
		rows = append(rows, []any{
			fmt.Sprintf("v%d", i), "p", int64(i), 0.5, true, time.UnixMicro(1), []any{fmt.Sprintf("f%d", i), "a"},
		})
	}
	return core.WriteRequest{Plan: plan, ID: id, Rows: storetest.RowsIn(t, arrowmem.DefaultAllocator, 4, storetest.VideoSchema(), rows...)}
}

func count(ctx context.Context, s core.Store) (int64, error) {
	rows, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
	if err != nil {
		return 0, err
	}
	return rows.Count()
}

// Every operation survives two failures, and a call that is final fails at once.
func TestUnavailableIsTriedAgain(t *testing.T) {
	for op := range core.Ops() {
		for _, sentinel := range []error{core.ErrUnavailable, core.ErrDenied, core.ErrIntegrity, core.ErrInvalid} {
			t.Run(fmt.Sprint(op, " ", sentinel), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault := storetest.Fault()
					var events []retry.Event
					store := over(t, fault, retry.OnRetry(func(e retry.Event) { events = append(events, e) }))
					fault.Set(storetest.FailNth(op, 1, sentinel), storetest.FailNth(op, 2, sentinel))
					err := call(t, store, op)
					if !errors.Is(sentinel, core.ErrUnavailable) {
						if !errors.Is(err, sentinel) || len(events) != 0 {
							t.Errorf("got %v after %d events, want the error at once", err, len(events))
						}
						return
					}
					if err != nil || len(events) != 2 || events[1].Attempt != 2 || events[1].Op != op {
						t.Errorf("got %v, events %v", err, events)
					}
				})
			})
		}
	}
}

func call(t testing.TB, s core.Store, op core.Op) error {
	t.Helper()
	return callIn(t.Context(), t, s, op)
}

func callIn(ctx context.Context, t testing.TB, s core.Store, op core.Op) error {
	t.Helper()
	var err error
	switch op {
	case core.OpWrite:
		_, err = s.Write(ctx, write(t, "", 50, 60))
	case core.OpRead:
		_, err = count(ctx, s)
	case core.OpResolve:
		req := write(t, "", 0, 1)
		_, err = s.Resolve(ctx, core.ResolveRequest{Plan: req.Plan, Samples: req.Rows})
	case core.OpList:
		for _, e := range s.List(ctx, core.ListRequest{}) {
			err = errors.Join(err, e)
		}
	case core.OpStat:
		_, err = s.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo})
	case core.OpEvolve:
		_, err = s.Evolve(ctx, core.EvolveRequest{Key: storetest.KeyVideo, Base: 1, Changes: []core.SchemaChange{
			{Kind: core.RenameColumn, Column: "path", To: "file"},
		}})
	}
	return err
}

// A write whose answer was lost is one commit all the same.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault)
		fault.Set(
			storetest.AfterCommit(1, core.ErrUnavailable), storetest.AfterCommit(2, core.ErrUnavailable),
			storetest.Rule{Op: core.OpEvolve, Nth: 1, Do: storetest.FailLate, Err: core.ErrUnavailable},
		)
		commit, err := store.Write(t.Context(), write(t, "", 50, 60))
		if err != nil || commit.Seq != 4 || commit.ID != "" {
			t.Fatalf("commit %+v, %v", commit, err)
		}
		if err := call(t, store, core.OpEvolve); err != nil {
			t.Fatalf("evolve: %v", err)
		}
		info, err := store.Stat(t.Context(), core.StatRequest{Key: storetest.KeyVideo})
		if err != nil || info.Generation != 4 || info.SchemaVersion != 2 || info.Rows != 40 {
			t.Errorf("info %+v, %v", info, err)
		}
	})
}

// An evolve that somebody else made stays a conflict.
func TestForeignEvolveIsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault)
		if _, err := store.Evolve(t.Context(), core.EvolveRequest{Key: storetest.KeyVideo, Base: 1, Changes: []core.SchemaChange{
			{Kind: core.AddColumn, Column: "extra", Type: arrow.PrimitiveTypes.Int64},
		}}); err != nil {
			t.Fatal(err)
		}
		fault.Set(storetest.FailNth(core.OpEvolve, 1, core.ErrUnavailable))
		if err := call(t, store, core.OpEvolve); !errors.Is(err, core.ErrConflict) {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}

// Rows that can be read once are not sent twice.
func TestSingleUseRowsAreNotReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault)
		req := write(t, "", 50, 60)
		req.Rows.Replayable, req.Rows.Batches = false, core.Once(req.Rows.Batches)
		fault.Set(storetest.FailNth(core.OpWrite, 1, core.ErrUnavailable), storetest.AfterCommit(2, core.ErrUnavailable))
		_, err := store.Write(t.Context(), req)
		if !errors.Is(err, core.ErrUnavailable) || !strings.Contains(err.Error(), "can be read once") {
			t.Errorf("got %v", err)
		}
		if fault.Calls() != 2 {
			t.Errorf("%d calls, want 2: the first never touched the rows", fault.Calls())
		}
	})
}

// A stream is read again until its first batch was handed out, then never.
func TestStreams(t *testing.T) {
	for _, hedge := range []time.Duration{0, time.Second} {
		for after := range 3 {
			t.Run(fmt.Sprintf("hedge %s after %d", hedge, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault := storetest.Fault()
					store := over(t, fault, retry.Hedge(hedge))
					fault.Set(storetest.MidStream(core.OpRead, 1, after, core.ErrUnavailable))
					n, err := count(t.Context(), store)
					if after == 0 && (err != nil || n != 30) {
						t.Errorf("%d rows, %v", n, err)
					}
					if after > 0 && !errors.Is(err, core.ErrUnavailable) {
						t.Errorf("%d rows, %v: rows were handed out twice or lost", n, err)
					}
				})
			})
		}
	}
}

// A slow attempt is given up, a slow first batch is overtaken by a hedge.
func TestTimeoutAndHedge(t *testing.T) {
	slowOnce := storetest.Rule{Op: core.OpRead, Nth: 1, Do: storetest.Delay, Delay: time.Hour}
	t.Run("timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fault := storetest.Fault()
			store := over(t, fault, retry.Timeout(time.Second))
			fault.Set(slowOnce)
			began := time.Now()
			if n, err := count(t.Context(), store); err != nil || n != 30 || time.Since(began) > 2*time.Second {
				t.Errorf("%d rows, %v after %s", n, err, time.Since(began))
			}
			fault.Set(storetest.Latency(core.OpStat, time.Hour))
			if _, err := store.Stat(t.Context(), core.StatRequest{Key: storetest.KeyVideo}); !errors.Is(err, core.ErrUnavailable) || errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("hedge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bare := memory.New()
			defer bare.Close()
			if _, err := bare.Write(t.Context(), write(t, "", 0, 10)); err != nil {
				t.Fatal(err)
			}
			slow := &slowStream{Store: bare}
			store, err := retry.New(retry.Hedge(time.Second)).Wrap(slow)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if n, err := count(t.Context(), store); err != nil || n != 10 || time.Since(began) != time.Second || slow.ranges.Load() != 2 {
				t.Errorf("%d rows, %v after %s and %d ranges", n, err, time.Since(began), slow.ranges.Load())
			}
		})
	})
}

// slowStream hangs in the first range until its context ends. It embeds a
// Store, which a layer must not, because it is only ever a test's.
type slowStream struct {
	core.Store
	ranges atomic.Int64
}

func (s *slowStream) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.Store.Read(ctx, req)
	inner := rows.Batches
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		if s.ranges.Add(1) == 1 {
			<-ctx.Done()
			yield(nil, ctx.Err())
			return
		}
		inner(yield)
	}
	return rows, err
}

// After failures in a row the store below is left alone, then tried once.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault, retry.Attempts(1), retry.Breaker(3, time.Minute))
		fault.Set(storetest.Rule{Op: core.OpStat, Do: storetest.Fail, Err: core.ErrUnavailable})
		for i := range 6 {
			err := call(t, store, core.OpStat)
			if !errors.Is(err, core.ErrUnavailable) || strings.Contains(err.Error(), "circuit is open") != (i >= 3) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if fault.Calls() != 3 {
			t.Errorf("%d calls below, want 3", fault.Calls())
		}
		fault.Set(storetest.FailNth(core.OpStat, 1, core.ErrDenied))
		time.Sleep(time.Minute)
		if err := call(t, store, core.OpStat); !errors.Is(err, core.ErrDenied) {
			t.Errorf("got %v", err)
		}
		if err := call(t, store, core.OpStat); err != nil {
			t.Errorf("the circuit did not close: %v", err)
		}
	})
}

// A context that ends between two attempts ends the operation.
func TestContextEndsInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault, retry.Backoff(time.Hour, time.Hour))
		fault.Set(storetest.Rule{Do: storetest.Fail, Err: core.ErrUnavailable})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := store.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		_, err = store.Write(ctx, write(t, "", 1, 2))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, core.ErrUnavailable) {
			t.Errorf("on entry: %v", err)
		}
	})
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	_, err := retry.New(retry.Attempts(0), retry.Backoff(0, 0), retry.Timeout(-1), retry.Breaker(0, 0)).Wrap(memory.New())
	if !errors.Is(err, core.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"attempts is 0", "backoff from 0s", "negative duration", "breaker after 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func ExampleNew() {
	layer := retry.New(retry.Attempts(3), retry.Timeout(5*time.Second), retry.Breaker(10, time.Minute))
	fmt.Println(layer.Info().Summary)
	// Output: 3 attempts, backoff 50ms to 2s, 5s each, breaker after 10 for 1m0s
}
