package stacktest

import (
	"errors"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// A fault and a tap can be put in every phase of a stack, also in those of
// enforcing layers.
func TestFaultsInEveryPhase(t *testing.T) {
	onlyOne := map[core.Phase]compose.RuleID{
		core.PhaseAccess: compose.OneAccess, core.PhaseFallback: compose.OneFallback, core.PhaseCrypto: compose.OneCrypto,
	}
	for phase := core.PhaseObserve; phase.Valid(); phase++ {
		t.Run(phase.String(), func(t *testing.T) {
			fault := storetest.Fault(storetest.FailNth(core.OpStat, 1, core.ErrUnavailable)).At(phase)
			tap := storetest.Tap(storetest.TapAt(phase))
			options := []compose.Option{compose.With(tap, fault)}
			if rule, once := onlyOne[phase]; once {
				options = append(options, compose.Accept(rule, "a test"))
			}
			s, err := compose.New(memory.New(), options...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrUnavailable) {
				t.Errorf("stat: %v, want the fault's error", err)
			}
			if n := len(tap.Calls(core.OpStat)); n != 1 {
				t.Errorf("the tap saw %d calls, want 1", n)
			}
		})
	}
}
