package around

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// store observes next. Nothing of a request or an answer is changed but the
// sequences of rows, which are wrapped.
type store struct {
	next     core.Store
	observer Observer
	now      func() time.Time
	name     string
	nest     bool
	closed   atomic.Bool
}

var _ core.Store = (*store)(nil)

// Write is core.Store's.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	c := Call{Op: core.OpWrite, Key: req.Key(), Tombstones: req.Tombstones}
	var out Outcome
	s.observe(ctx, c, &out, func(ctx context.Context) (err error) {
		out.Commit, err = s.next.Write(ctx, req)
		return err
	})
	return out.Commit, out.Err
}

// Read is core.Store's.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	c := Call{
		Op: core.OpRead, Key: req.Key, Columns: len(req.Columns), Filter: FilterOf(req.Filter),
		History: req.History, AsOf: !req.AsOf.IsZero(), Local: req.Local,
	}
	var out Outcome
	var rows core.Rows
	inner := s.observe(ctx, c, &out, func(ctx context.Context) (err error) {
		rows, err = s.next.Read(ctx, req)
		return err
	})
	if out.Err != nil {
		return core.Rows{}, out.Err
	}
	return s.rows(s.outer(ctx, inner), c, PartRows, out.Elapsed, rows), nil
}

// Resolve is core.Store's.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	c := Call{Op: core.OpResolve, Key: req.Key(), Columns: len(req.Columns), Filter: FilterOf(req.Filter), Local: req.Local}
	var out Outcome
	var inc core.Increment
	inner := s.observe(ctx, c, &out, func(ctx context.Context) (err error) {
		inc, err = s.next.Resolve(ctx, req)
		out.Stats = inc.Stats
		return err
	})
	if out.Err != nil {
		return core.Increment{}, out.Err
	}
	ctx = s.outer(ctx, inner)
	inc.New = s.rows(ctx, c, PartNew, out.Elapsed, inc.New)
	inc.Stale = s.rows(ctx, c, PartStale, out.Elapsed, inc.Stale)
	inc.Orphaned = s.rows(ctx, c, PartOrphaned, out.Elapsed, inc.Orphaned)
	inc.Missing = s.rows(ctx, c, PartMissing, out.Elapsed, inc.Missing)
	return inc, nil
}

// List is core.Store's.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	c := Call{Op: core.OpList, Part: PartFeatures, Key: core.FeatureKey(req.Prefix), Local: req.Local}
	return s.features(ctx, c, func(ctx context.Context) iter.Seq2[core.Info, error] {
		if err := s.usable(Call{Op: core.OpList}); err != nil {
			return func(yield func(core.Info, error) bool) { yield(core.Info{}, err) }
		}
		return s.next.List(ctx, req)
	})
}

// Stat is core.Store's.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	c := Call{Op: core.OpStat, Key: req.Key, Local: req.Local}
	var out Outcome
	s.observe(ctx, c, &out, func(ctx context.Context) (err error) {
		out.Info, err = s.next.Stat(ctx, req)
		return err
	})
	return out.Info, out.Err
}

// Evolve is core.Store's.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	c := Call{Op: core.OpEvolve, Key: req.Key}
	var out Outcome
	s.observe(ctx, c, &out, func(ctx context.Context) (err error) {
		out.Info, err = s.next.Evolve(ctx, req)
		return err
	})
	return out.Info, out.Err
}

// Capabilities are those of the store below: observing changes none.
func (s *store) Capabilities() core.Capabilities { return s.next.Capabilities() }

// Close leaves the store below open, which this layer did not open.
func (s *store) Close() error {
	s.closed.Store(true)
	return nil
}

// observe makes a call inside an event, in the event's context, which it gives
// back. The call adds to the outcome what its answer says. The event ends when a
// panic leaves the call too, which somebody above may recover from: nothing
// stays in flight.
func (s *store) observe(ctx context.Context, c Call, out *Outcome, call func(context.Context) error) context.Context {
	inner := s.observer.Begin(ctx, c)
	start := s.now()
	out.Err, out.Bytes = errPanicked, -1
	defer func() { s.observer.End(inner, c, *out) }()
	err := s.usable(c)
	if err == nil {
		err = call(inner)
	}
	out.Err, out.Elapsed = err, s.now().Sub(start)
	return inner
}

var errPanicked = errors.New("the store below panicked")

// outer is the context in which a range begins.
func (s *store) outer(caller, call context.Context) context.Context {
	if s.nest {
		return call
	}
	return caller
}

// usable reports a closed store. It is asked inside the event, so that calls
// after Close are observed too.
func (s *store) usable(c Call) error {
	if s.closed.Load() {
		return &core.Error{Op: c.Op, Key: c.Key, Layer: s.name, Err: core.ErrClosed}
	}
	return nil
}
