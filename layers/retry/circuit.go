package retry

import (
	"sync"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// circuit is a breaker that attempts enter and leave, with a verdict or without
// one: who leaves because its caller went has learned nothing of the store.
type circuit struct {
	mu      sync.Mutex
	breaker circuitbreaker.CircuitBreaker[struct{}]
	round   int // grows with each change of state
}

// newCircuit is nil without the option. A nil circuit lets everybody in.
func newCircuit(o options) *circuit {
	if !o.breaks {
		return nil
	}
	c := &circuit{}
	c.breaker = circuitbreaker.NewBuilder[struct{}]().
		WithFailureThreshold(uint(o.failures)).
		WithSuccessThreshold(1).
		WithDelay(o.pause).
		OnStateChanged(func(circuitbreaker.StateChangedEvent) { c.round++ }). // within our own calls, so mu is held
		Build()
	return c
}

// enter gives a turn, or false while the circuit is open.
func (c *circuit) enter() (*turn, bool) {
	if c == nil {
		return &turn{}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.breaker.TryAcquirePermit() {
		return nil, false
	}
	return &turn{circuit: c, round: c.round, probes: c.breaker.IsHalfOpen()}, true
}

// verdict is what an attempt says about the store below.
type verdict uint8

const (
	unknown verdict = iota
	reached
	unreached
)

// turn is one attempt's way through the circuit. It must be ended.
type turn struct {
	circuit *circuit
	round   int  // what was entered in an earlier one says nothing of this one
	probes  bool // holds the only permit of a half-open circuit
	ended   bool
}

// began is for a stream that gave its first element. That closes a half-open
// circuit, since nobody can wait for as long as the consumer takes. The stream
// is no success yet: one that fails in the middle, each time, is a failure.
func (t *turn) began() {
	if t.circuit == nil {
		return
	}
	t.circuit.mu.Lock()
	defer t.circuit.mu.Unlock()
	if t.ended || !t.probes || t.round != t.circuit.round {
		return
	}
	t.circuit.breaker.RecordSuccess()
	t.round, t.probes = t.circuit.round, false
}

// end leaves the circuit. Only the first end counts.
func (t *turn) end(v verdict) {
	if t.circuit == nil {
		return
	}
	t.circuit.mu.Lock()
	defer t.circuit.mu.Unlock()
	if t.ended || t.round != t.circuit.round {
		return
	}
	t.ended = true
	b := t.circuit.breaker
	switch {
	case v == reached:
		b.RecordSuccess()
	case v == unreached:
		b.RecordFailure()
	case t.probes:
		// The breaker takes no permit back without a verdict. A circuit that
		// becomes half-open has a new one, and this turn held the only other.
		b.Open()
		b.HalfOpen()
	}
}
