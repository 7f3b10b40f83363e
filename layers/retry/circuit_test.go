package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

// down fails every call.
func down() storetest.Rule { return storetest.Rule{Do: storetest.Fail, Err: core.ErrUnavailable} }

// halfOpen is a store whose circuit has just become half-open: it opened after
// three failures, and nothing is wrong any more.
func halfOpen(t *testing.T) (core.Store, *storetest.FaultLayer) {
	t.Helper()
	fault := storetest.Fault()
	store := over(t, fault, retry.Attempts(1), retry.Breaker(3, time.Minute))
	fault.Set(down())
	for range 3 {
		_ = call(t, store, core.OpStat)
	}
	refused(t, "after three failures", call(t, store, core.OpStat), true)
	fault.Set()
	time.Sleep(time.Minute)
	return store, fault
}

func refused(t *testing.T, when string, err error, want bool) {
	t.Helper()
	if got := err != nil && strings.Contains(err.Error(), "circuit is open"); got != want {
		t.Errorf("%s: the circuit is open: %t, want %t: %v", when, got, want, err)
	}
}

// A caller who leaves, and a store that answers without asking its storage, say
// nothing: a half-open circuit is as it was, for the next one.
func TestNothingLearnedHalfOpen(t *testing.T) {
	for name, c := range map[string]struct {
		rule storetest.Rule
		want error
	}{
		"deadline":     {storetest.Latency(0, time.Hour), context.DeadlineExceeded},
		"invalid":      {storetest.Rule{Do: storetest.Fail, Err: core.ErrInvalid}, core.ErrInvalid},
		"unsupported":  {storetest.Rule{Do: storetest.Fail, Err: core.ErrUnsupported}, core.ErrUnsupported},
		"closed":       {storetest.Rule{Do: storetest.Fail, Err: core.ErrClosed}, core.ErrClosed},
		"their cancel": {storetest.Rule{Do: storetest.Fail, Err: context.Canceled}, context.Canceled},
	} {
		for op := range core.Ops() {
			t.Run(fmt.Sprint(name, " ", op), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store, fault := halfOpen(t)
					fault.Set(c.rule)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					for range 2 {
						if err := callIn(ctx, t, store, op); !errors.Is(err, c.want) {
							t.Fatal(err)
						}
					}
					fault.Set(down())
					refused(t, "the store is still down", call(t, store, core.OpStat), false)
					refused(t, "it was a single attempt", call(t, store, core.OpStat), true)
				})
			})
		}
	}
}

// Nor does it interrupt failures in a row.
func TestNothingLearnedClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault, retry.Attempts(1), retry.Breaker(3, time.Minute))
		fault.Set(down())
		_ = call(t, store, core.OpStat)
		_ = call(t, store, core.OpStat)
		fault.Set(storetest.Latency(core.OpStat, time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := callIn(ctx, t, store, core.OpStat); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		fault.Set(down())
		refused(t, "the third failure", call(t, store, core.OpStat), false)
		refused(t, "after it", call(t, store, core.OpStat), true)
	})
}

// The rows that a write is given may come from another store. That they fail
// says nothing of this one.
func TestFailingSourceOpensNoCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault, retry.Attempts(2), retry.Breaker(3, time.Minute))
		for range 5 {
			req := write(t, "", 0, 10)
			req.Rows.Batches = func(yield func(arrow.RecordBatch, error) bool) { yield(nil, core.ErrUnavailable) }
			_, err := store.Write(t.Context(), req)
			refused(t, "a source that fails", err, false)
			if !errors.Is(err, core.ErrUnavailable) {
				t.Error(err)
			}
		}
		fault.Set(down())
		refused(t, "the first failure of the store's own", call(t, store, core.OpWrite), false)
		refused(t, "the third", call(t, store, core.OpWrite), false)
		refused(t, "after it", call(t, store, core.OpStat), true)
	})
}

// A read that succeeds as a call and fails in its rows has failed, wherever in
// them, and so has a list.
func TestFailingStreamsOpenTheCircuit(t *testing.T) {
	for _, op := range []core.Op{core.OpRead, core.OpList} {
		for after := range 2 {
			t.Run(fmt.Sprint(op, " after ", after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault := storetest.Fault()
					store := over(t, fault, retry.Attempts(1), retry.Breaker(3, time.Minute))
					fault.Set(storetest.MidStream(op, 0, after, core.ErrUnavailable))
					for i := range 5 {
						refused(t, fmt.Sprint("stream ", i), call(t, store, op), i >= 3)
					}
				})
			})
		}
	}
}

// The first element of a stream closes a half-open circuit: within the loop the
// store can be used. That the rest then fails is one failure.
func TestStreamClosesTheCircuitAtOnce(t *testing.T) {
	for _, op := range []core.Op{core.OpRead, core.OpList} {
		t.Run(op.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, fault := halfOpen(t)
				fault.Set(storetest.MidStream(op, 1, 1, core.ErrUnavailable))
				err := loop(t, store, op, func() { refused(t, "in the loop", call(t, store, core.OpStat), false) })
				if !errors.Is(err, core.ErrUnavailable) {
					t.Error(err)
				}
				fault.Set(down())
				for i := range 4 {
					refused(t, fmt.Sprint("failure ", i), call(t, store, core.OpStat), i >= 2)
				}
			})
		})
	}
}

// Neither a panic of the loop's body nor one below keeps the permit.
func TestPanicKeepsNoPermit(t *testing.T) {
	for _, op := range []core.Op{core.OpRead, core.OpList} {
		for _, where := range []string{"body", "below"} {
			t.Run(fmt.Sprint(op, " ", where), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store, fault := halfOpen(t)
					if where == "below" {
						fault.Sleeper(func(context.Context, time.Duration) error { panic(where) })
						fault.Set(storetest.Latency(op, time.Second))
					}
					func() {
						defer func() {
							if recover() == nil {
								t.Error("the panic was swallowed")
							}
						}()
						_ = loop(t, store, op, func() { panic(where) })
					}()
					fault.Set()
					refused(t, "after a panic", call(t, store, core.OpStat), false)
				})
			})
		}
	}
}

// A half-open circuit lets one in, and what was begun before it opened is not
// taken for that one's answer.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		store := over(t, fault, retry.Attempts(1), retry.Breaker(3, time.Minute))
		slow := func() {
			if err := call(t, store, core.OpStat); err != nil {
				t.Error(err)
			}
		}
		fault.Set(storetest.Latency(core.OpStat, 80*time.Second))
		go slow() // ends at 80s
		synctest.Wait()
		fault.Set(down())
		for range 3 {
			_ = call(t, store, core.OpResolve)
		}
		time.Sleep(70 * time.Second)
		fault.Set(storetest.Latency(core.OpStat, 30*time.Second))
		go slow() // from 70s to 100s
		synctest.Wait()
		refused(t, "one is in", call(t, store, core.OpResolve), true)
		time.Sleep(20 * time.Second)
		refused(t, "an old one succeeded", call(t, store, core.OpResolve), true)
		time.Sleep(20 * time.Second)
		refused(t, "the one succeeded", call(t, store, core.OpResolve), false)
	})
}

// loop ranges over the store's features or the fixtures' rows.
func loop(t testing.TB, s core.Store, op core.Op, body func()) error {
	t.Helper()
	if op == core.OpList {
		for _, err := range s.List(t.Context(), core.ListRequest{}) {
			if err != nil {
				return err
			}
			body()
		}
		return nil
	}
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
	if err != nil {
		return err
	}
	for _, err := range rows.Batches {
		if err != nil {
			return err
		}
		body()
	}
	return nil
}
