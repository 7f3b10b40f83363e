package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// faultScript calls every operation on what Fill wrote.
func faultScript() []Step {
	return []Step{
		{Op: core.OpStat, Key: KeyVideo, Commits: -1},
		{Op: core.OpList},
		{Op: core.OpRead, Key: KeyVideo},
		{Op: core.OpRead, Key: KeyVideo, Filter: "size > 3", Columns: []string{"sample_id"}},
		{Op: core.OpWrite, Key: KeyVideo, ID: "job-1", Samples: map[string]int{"s001": 7, "new": 1}},
		{Op: core.OpRead, Key: KeyVideo, History: true},
		{Op: core.OpResolve, Key: KeyCrop},
		{Op: core.OpWrite, Key: KeyVideo, Retire: []string{"s002"}},
		{Op: core.OpEvolve, Key: KeyVideo, Base: 1, Add: "note"},
		{Op: core.OpRead, Key: KeyVideo, Seq: 1},
	}
}

// y2 injects one fault at call i below the layer, for i = 0, 1, 2, … until none
// fires, and for each way to fail.
func (l *layerRun) y2(e *env) {
	used := map[core.Op]bool{}
	for _, sentinel := range []error{core.ErrUnavailable, core.ErrIntegrity, core.ErrDenied} {
		for _, rule := range []Rule{{Do: Fail, Err: sentinel}, {Do: FailStream, After: 0, Err: sentinel}, {Do: FailLate, Err: sentinel}} {
			for i := 0; ; i++ {
				rule.Nth = i + 1
				if !l.oneFault(e, rule, used) {
					break
				}
				if i > 200 {
					e.Fatalf("%s: the layer calls below without end", rule)
				}
			}
		}
	}
	for op, reason := range l.cfg.Absorbs {
		if !used[op] {
			e.Errorf("Absorbs[%s] is not used: %s", op, reason)
		}
	}
}

// oneFault runs the script with one rule; it reports whether the rule fired.
func (l *layerRun) oneFault(e *env, rule Rule, used map[core.Op]bool) bool {
	inner := l.cfg.New(e.tb())
	defer func() { _ = inner.Close() }()
	l.fill(e, inner)
	fault := Fault(rule)
	s := l.wrap(e.tb(), inner, fault)
	defer func() { _ = s.Close() }()
	for _, step := range faultScript() {
		before := len(fault.Fired())
		answer := step.do(e, s)
		fired := fault.Fired()
		if len(fired) == before {
			continue
		}
		// A stream rule on a call without a stream changes nothing.
		if rule.Do == FailStream && strings.Contains(fired[before], "on stat") || rule.Do == FailStream && strings.Contains(fired[before], "on evolve") {
			return true
		}
		absorbed := false
		want := "error " + rule.Err.Error()
		if got := answer[len(answer)-1]; got != want {
			if _, absorbs := l.cfg.Absorbs[step.Op]; absorbs {
				used[step.Op], absorbed = true, true
			} else {
				e.Errorf("%s, while %#v: the layer answers %q, want %q", fired[before], step, got, want)
			}
		}
		l.recovers(e, s, rule, step, absorbed)
		return true
	}
	return false
}

// recovers: after the fault the same call works, and a write that was applied
// although it was reported as failed is not applied twice. A migration that was
// made, late or because the layer absorbed the fault, is then a conflict.
func (l *layerRun) recovers(e *env, s core.Store, rule Rule, step Step, absorbed bool) {
	for _, l := range step.do(e, s) {
		if text, failed := strings.CutPrefix(l, "error "); failed {
			again := (rule.Do == FailLate || absorbed) && step.Op == core.OpEvolve && errors.Is(errOf(text), core.ErrConflict)
			if !again {
				e.Errorf("after %s was over, %#v answers error %s", rule, step, text)
			}
		}
	}
	if step.Op == core.OpWrite && step.ID != "" {
		info := e.stat(s, step.Key)
		n := 0
		for _, c := range info.Log {
			if c.ID == step.ID {
				n++
			}
		}
		if n != 1 {
			e.Errorf("after %s a repeated write is there %d times, want once", rule, n)
		}
	}
}

// errOf finds the sentinel of a text that sentinelOf made.
func errOf(text string) error {
	for _, s := range core.Sentinels() {
		if s.Error() == text {
			return s
		}
	}
	return fmt.Errorf("%s", text)
}
