package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// FaultLayer makes calls to the store below go wrong, by rules. It counts calls
// over every store that it wrapped.
type FaultLayer struct {
	mu    sync.Mutex
	phase core.Phase
	sleep func(ctx context.Context, d time.Duration) error
	rules []*armed
	calls int
	fired []string
}

// armed is a rule with the calls that matched it so far.
type armed struct {
	Rule
	seen int
}

// Fault makes a layer of the probe phase that follows these rules. Every rule
// that matches a call acts; the first that fails it wins.
func Fault(rules ...Rule) *FaultLayer {
	f := &FaultLayer{phase: core.PhaseProbe, sleep: sleepReal}
	f.Set(rules...)
	return f
}

func sleepReal(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// At puts the layer in another phase, so that a stack can fail anywhere. Beside
// an access or crypto layer compose wants the second one accepted by name.
func (f *FaultLayer) At(p core.Phase) *FaultLayer {
	f.phase = p
	return f
}

// Sleeper replaces the clock of Delay, for tests that must not wait.
func (f *FaultLayer) Sleeper(sleep func(ctx context.Context, d time.Duration) error) *FaultLayer {
	f.sleep = sleep
	return f
}

// Set replaces the rules and forgets the calls counted so far.
func (f *FaultLayer) Set(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.calls, f.fired = nil, 0, nil
	for _, r := range rules {
		f.rules = append(f.rules, &armed{Rule: r})
	}
}

// Fired lists the rules that acted, in order, each with its call.
func (f *FaultLayer) Fired() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.fired)
}

// Calls is how many calls came since the rules were set, Close left out.
func (f *FaultLayer) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Info describes the layer by its rules.
func (f *FaultLayer) Info() core.LayerInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rules []string
	for _, r := range f.rules {
		rules = append(rules, r.String())
	}
	return core.LayerInfo{Name: "fault", Phase: f.phase, Summary: strings.Join(rules, "; ")}
}

// Wrap puts the faults over next.
func (f *FaultLayer) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%w: fault: no store to wrap", core.ErrInvalid)
	}
	return &faultStore{layer: f, next: next}, nil
}

// verdict is what the rules say about one call.
type verdict struct {
	delay  time.Duration
	fail   error // before the call
	late   error // after it
	stream bool  // cut the stream after some batches
	after  int
	cut    error // nil: without an error
}

// judge counts a call and collects what its rules do.
func (f *FaultLayer) judge(op core.Op, key core.FeatureKey) verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op != core.OpClose {
		f.calls++
	}
	var v verdict
	for _, r := range f.rules {
		if r.Op != 0 && r.Op != op || r.Op == 0 && op == core.OpClose || r.Key != "" && r.Key != key {
			continue
		}
		if r.seen++; r.Nth != 0 && r.seen != r.Nth {
			continue
		}
		f.fired = append(f.fired, fmt.Sprintf("%s on %s %s", r.Rule, op, key))
		switch r.Do {
		case Delay:
			v.delay += r.Delay
		case Fail:
			v.fail = first(v.fail, r.Err)
		case FailLate:
			v.late = first(v.late, r.Err)
		case FailStream, Truncate:
			v.stream, v.after, v.cut = true, r.After, r.Err
		}
	}
	return v
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// begin delays and fails a call before it reaches the store below.
func (f *FaultLayer) begin(ctx context.Context, op core.Op, key core.FeatureKey) (verdict, error) {
	v := f.judge(op, key)
	if v.delay > 0 {
		if err := f.sleep(ctx, v.delay); err != nil {
			return v, core.WrapError(op, key, "fault", err)
		}
	}
	return v, core.WrapError(op, key, "fault", v.fail)
}
