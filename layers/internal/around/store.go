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
	ctx = s.observer.Begin(ctx, c)
	start := s.now()
	ended := false
	defer s.panicked(ctx, c, &ended)
	commit, err := core.Commit{}, s.usable(c)
	if err == nil {
		commit, err = s.next.Write(ctx, req)
	}
	ended = true
	s.observer.End(ctx, c, Outcome{Err: err, Elapsed: s.now().Sub(start), Commit: commit, Bytes: -1})
	return commit, err
}

// Read is core.Store's.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	c := Call{
		Op: core.OpRead, Key: req.Key, Columns: len(req.Columns), Filter: FilterOf(req.Filter),
		History: req.History, AsOf: !req.AsOf.IsZero(), Local: req.Local,
	}
	inner := s.observer.Begin(ctx, c)
	start := s.now()
	ended := false
	defer s.panicked(inner, c, &ended)
	rows, err := core.Rows{}, s.usable(c)
	if err == nil {
		rows, err = s.next.Read(inner, req)
	}
	elapsed := s.now().Sub(start)
	ended = true
	s.observer.End(inner, c, Outcome{Err: err, Elapsed: elapsed, Bytes: -1})
	if err != nil {
		return core.Rows{}, err
	}
	return s.rows(s.outer(ctx, inner), c, PartRows, elapsed, rows), nil
}

// Resolve is core.Store's.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	c := Call{Op: core.OpResolve, Key: req.Key(), Columns: len(req.Columns), Filter: FilterOf(req.Filter), Local: req.Local}
	inner := s.observer.Begin(ctx, c)
	start := s.now()
	ended := false
	defer s.panicked(inner, c, &ended)
	inc, err := core.Increment{}, s.usable(c)
	if err == nil {
		inc, err = s.next.Resolve(inner, req)
	}
	elapsed := s.now().Sub(start)
	ended = true
	s.observer.End(inner, c, Outcome{Err: err, Elapsed: elapsed, Stats: inc.Stats, Bytes: -1})
	if err != nil {
		return core.Increment{}, err
	}
	ctx = s.outer(ctx, inner)
	inc.New = s.rows(ctx, c, PartNew, elapsed, inc.New)
	inc.Stale = s.rows(ctx, c, PartStale, elapsed, inc.Stale)
	inc.Orphaned = s.rows(ctx, c, PartOrphaned, elapsed, inc.Orphaned)
	inc.Missing = s.rows(ctx, c, PartMissing, elapsed, inc.Missing)
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
	ctx = s.observer.Begin(ctx, c)
	start := s.now()
	ended := false
	defer s.panicked(ctx, c, &ended)
	info, err := core.Info{}, s.usable(c)
	if err == nil {
		info, err = s.next.Stat(ctx, req)
	}
	ended = true
	s.observer.End(ctx, c, Outcome{Err: err, Elapsed: s.now().Sub(start), Info: info, Bytes: -1})
	return info, err
}

// Evolve is core.Store's.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	c := Call{Op: core.OpEvolve, Key: req.Key}
	ctx = s.observer.Begin(ctx, c)
	start := s.now()
	ended := false
	defer s.panicked(ctx, c, &ended)
	info, err := core.Info{}, s.usable(c)
	if err == nil {
		info, err = s.next.Evolve(ctx, req)
	}
	ended = true
	s.observer.End(ctx, c, Outcome{Err: err, Elapsed: s.now().Sub(start), Info: info, Bytes: -1})
	return info, err
}

// Capabilities are those of the store below: observing changes none.
func (s *store) Capabilities() core.Capabilities { return s.next.Capabilities() }

// Close leaves the store below open, which this layer did not open.
func (s *store) Close() error {
	s.closed.Store(true)
	return nil
}

// panicked ends the event of a call that a panic left, which somebody above may
// recover from: nothing stays in flight.
func (s *store) panicked(ctx context.Context, c Call, ended *bool) {
	if !*ended {
		s.observer.End(ctx, c, Outcome{Err: errPanicked, Bytes: -1})
	}
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
