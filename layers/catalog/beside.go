package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// beside runs f beside the callers: one at a time, with the values of ctx and
// until Close. It gives a channel that is closed when f has returned, nil when
// something runs already. s.mu is held.
func (s *store) beside(ctx context.Context, f func(context.Context)) chan struct{} {
	if s.running != nil || s.closed.Load() {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.running, s.cancel = done, cancel
	go func() {
		defer close(done)
		defer cancel()
		f(ctx)
		s.mu.Lock()
		s.running, s.catchingUp = nil, false
		s.mu.Unlock()
	}()
	return done
}

// tend does what is due before an operation: the comparison at the first use,
// for which it waits a little, and after that what is behind.
func (s *store) tend(ctx context.Context, op core.Op) {
	if s.caught.Load() || s.keeper.shared.Load() {
		if s.anyBehind.Load() && op != core.OpWrite { // which does so when it has registered
			s.drainBeside(ctx)
		}
		return
	}
	o := &s.keeper.options
	s.mu.Lock()
	if !s.caught.Load() && reached(s.catchAt, o.now(), o.retry) && s.beside(ctx, s.catchUp) != nil {
		s.catchingUp, s.catchBegan = true, time.Now()
	}
	done, began, running := s.running, s.catchBegan, s.catchingUp
	s.mu.Unlock()
	if running {
		await(ctx, done, began.Add(o.wait))
	}
}

// await waits until done or a moment, and for no more than half of the time that
// the caller has.
func await(ctx context.Context, done <-chan struct{}, until time.Time) {
	wait := time.Until(until)
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2)
	}
	if wait <= 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
	}
}

// drainBeside begins a drain if one is due. Nobody waits for it.
func (s *store) drainBeside(ctx context.Context) {
	o := &s.keeper.options
	now := o.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.behind) > 0 && reached(s.drainAt, now, o.retry) && reached(s.retryAt, now, o.retry<<longestWait) {
		s.beside(ctx, s.drain)
	}
}

// catchUp compares the store with the catalog at the first use, and registers
// what an earlier program left behind. It never fails an operation: what it
// could not do is tried again, and until then the store is asked.
func (s *store) catchUp(ctx context.Context) {
	began := s.keeper.options.now()
	drift, err := s.compareAll(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.mu.Lock()
			s.catchAt = s.keeper.options.now().Add(s.keeper.options.retry)
			s.mu.Unlock()
			s.keeper.problem("", err)
		}
		return
	}
	s.keeper.setDrift(drift)
	s.mu.Lock()
	s.compared = began
	s.mu.Unlock()
	s.caught.Store(true)
}

// compareAll repairs what fits into the budget and keeps the rest from being
// answered from the catalog.
func (s *store) compareAll(ctx context.Context) (Drift, error) {
	var left Drift
	budget := s.keeper.options.catchUp
	patience := 0
	for p, err := range s.pairs(ctx, "", "") {
		if err != nil {
			return left, err
		}
		f, _, err := s.examine(ctx, p, false, &patience, nil)
		if err != nil {
			return left, err
		}
		if f.Kind == 0 {
			if len(p.entry.Pending) > 0 { // of writers that died, perhaps
				if err := s.conclude(ctx, p.key, s.mark(), DefaultAbandonAfter); err != nil {
					return left, err
				}
			}
			continue
		}
		s.doubt(p.key, unregistered)
		if s.underWay(p.key) {
			continue // its writer registers it; what is missing before that is found then
		}
		done, err := s.heal(ctx, p.key, repairing{rows: budget})
		budget -= done.rows
		switch {
		case err == nil:
		case errors.Is(err, errTooMuch), errors.Is(err, core.ErrConflict):
			left.add(f.Kind)
			s.keeper.problem(p.key, err)
		default:
			return left, err
		}
	}
	return left, nil
}

// underWay reports whether this process is writing the feature.
func (s *store) underWay(key core.FeatureKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing[key] > 0
}
