package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/metaxy-go/metaxy/core"
)

// policy runs operations under the options.
type policy struct {
	o       options
	counts  *counts
	circuit *circuit
}

func newPolicy(o options, c *counts) *policy {
	return &policy{o: o, counts: c, circuit: newCircuit(o)}
}

// final marks an error that another attempt cannot mend, though it is one of
// availability: part of the answer was handed out, or rows cannot be replayed.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// retryable reports whether the store below could not be reached, though the
// caller still waits. The caller's context is asked and not the error: a client
// below may wrap the end of a context of its own.
func retryable(ctx context.Context, err error) bool {
	return errors.Is(err, core.ErrUnavailable) && ctx.Err() == nil
}

// judge says what an attempt's error tells of the store below. Nothing, where a
// store says so without asking its storage, or somebody did not wait for it.
func judge(ctx context.Context, err error) verdict {
	if err == nil {
		return reached
	}
	if ctx.Err() != nil {
		return unknown
	}
	if errors.Is(err, core.ErrUnavailable) {
		return unreached
	}
	for _, says := range []error{
		core.ErrInvalid, core.ErrUnsupported, core.ErrUnauthenticated, core.ErrReadOnly, core.ErrClosed,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, says) {
			return unknown
		}
	}
	return reached
}

// run tries f until it succeeds, fails for good, or the attempts are used up.
func (p *policy) run(ctx context.Context, op core.Op, key core.FeatureKey, f func(ctx context.Context) error) error {
	return p.each(ctx, op, key, func(*turn) error { return f(ctx) })
}

// each is run for an f that may say itself what it learned.
func (p *policy) each(ctx context.Context, op core.Op, key core.FeatureKey, f func(t *turn) error) error {
	if err := ctx.Err(); err != nil {
		return core.WrapError(op, key, Name, err)
	}
	var last error
	attempts, again := 0, 0
	retries := retrypolicy.NewBuilder[struct{}]().
		HandleIf(func(_ struct{}, err error) bool {
			var f final
			return retryable(ctx, err) && !errors.As(err, &f)
		}).
		WithMaxAttempts(p.o.attempts).
		WithBackoff(p.o.first, max(p.o.most, p.o.first+1)).
		WithJitterFactor(0.5).
		ReturnLastFailure().
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[struct{}]) {
			again++
			p.counts[repeated][op].Add(1)
			if p.o.onRetry != nil {
				p.o.onRetry(Event{Op: op, Key: key, Attempt: e.Attempts(), Err: e.LastError()})
			}
		}).
		Build()
	err := failsafe.With[struct{}](retries).WithContext(ctx).Run(func() error {
		t, ok := p.circuit.enter()
		if !ok {
			return circuitbreaker.ErrOpen
		}
		v := unknown
		defer func() { t.end(v) }() // also where f panics
		attempts++
		last = f(t)
		v = judge(ctx, last)
		return last
	})
	if attempts > 0 && last == nil {
		err = nil // what succeeded did so, also where the context has ended meanwhile
	}
	p.counts.ended(op, attempts, again, err)
	return p.explain(ctx, op, key, err, last)
}

// explain turns what the policies say into an error of the contract.
func (p *policy) explain(ctx context.Context, op core.Op, key core.FeatureKey, err, last error) error {
	var f final
	switch {
	case err == nil:
		return nil
	case errors.Is(err, circuitbreaker.ErrOpen):
		if last != nil {
			return core.WrapError(op, key, Name, fmt.Errorf("gave up, the circuit opened: %w", last))
		}
		return core.WrapError(op, key, Name, fmt.Errorf("%w: the circuit is open after %d failures in a row", core.ErrUnavailable, p.o.failures))
	case ctx.Err() != nil && (last == nil || errors.Is(last, core.ErrUnavailable)):
		// The context ended in a pause between attempts, or in an attempt.
		return core.WrapError(op, key, Name, ctx.Err())
	case errors.As(err, &f):
		err = f.error
	}
	return core.WrapError(op, key, Name, err)
}

// errSlow is the cause of a context that an attempt's timeout ended.
var errSlow = errors.New("no answer in time")

// attempt is one try with a bound on its time. settle takes the bound away once
// the answer has come; end releases the context, and is for when its rows are done.
type attempt struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (p *policy) attempt(ctx context.Context) attempt {
	inner, cancel := context.WithCancelCause(ctx)
	a := attempt{ctx: inner, cancel: cancel}
	if p.o.timeout > 0 {
		a.timer = time.AfterFunc(p.o.timeout, func() { cancel(errSlow) })
	}
	return a
}

func (a attempt) settle() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

func (a attempt) end() {
	a.settle()
	a.cancel(nil)
}

// verdict says what an error of the attempt is: one that its own timeout made
// is unavailability, not the caller's cancellation.
func (a attempt) verdict(err error) error {
	if err != nil && errors.Is(context.Cause(a.ctx), errSlow) {
		return fmt.Errorf("%w: %w", core.ErrUnavailable, errSlow)
	}
	return err
}

// call runs f once, bounded, for operations whose answer is complete.
func (p *policy) call(ctx context.Context, f func(ctx context.Context) error) error {
	a := p.attempt(ctx)
	defer a.end()
	return a.verdict(f(a.ctx))
}
