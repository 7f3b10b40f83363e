package retry_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

// What was repeated, recovered, given up and refused is counted by operation.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := storetest.Fault()
		tries := retry.New(retry.Attempts(3), retry.Breaker(3, time.Minute))
		below, err := fault.Wrap(storetest.Populated(t))
		if err != nil {
			t.Fatal(err)
		}
		store, err := tries.Wrap(below)
		if err != nil {
			t.Fatal(err)
		}
		says := func(when, want string) {
			t.Helper()
			s := metrics.RetryStats(tries.Stats()) // the fields are the same
			got := ""
			for op := range core.Ops() {
				if n := [4]int64{s.Repeated[op], s.Recovered[op], s.GaveUp[op], s.Refused[op]}; n != [4]int64{} {
					got += fmt.Sprintf("%s%v ", op, n)
				}
			}
			if got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		says("at first", "")
		_ = call(t, store, core.OpStat)
		fault.Set(storetest.FailNth(core.OpStat, 1, core.ErrDenied))
		_ = call(t, store, core.OpStat)
		says("one that works and one that is denied", "")
		fault.Set(storetest.FailNth(core.OpRead, 1, core.ErrUnavailable), storetest.FailNth(core.OpRead, 2, core.ErrUnavailable))
		if n, err := count(t.Context(), store); err != nil {
			t.Error(n, err)
		}
		says("a read that works at last", "read[2 1 0 0] ")
		fault.Set(storetest.FailNth(core.OpList, 1, core.ErrUnavailable), storetest.FailNth(core.OpList, 2, core.ErrDenied))
		_ = call(t, store, core.OpList)
		says("a list that is denied at last", "read[2 1 0 0] list[1 0 1 0] ")
		fault.Set(storetest.Rule{Do: storetest.Fail, Err: core.ErrUnavailable})
		_ = call(t, store, core.OpStat)
		says("storage that is down", "read[2 1 0 0] list[1 0 1 0] stat[2 0 1 0] ")
		_ = call(t, store, core.OpResolve)
		says("the circuit is open", "read[2 1 0 0] resolve[0 0 0 1] list[1 0 1 0] stat[2 0 1 0] ")
	})
}
