package catalog

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// store registers what next accepts, and answers what the catalog knows.
type store struct {
	next      core.Store
	keeper    *Keeper
	caps      core.Capabilities
	closed    atomic.Bool
	caught    atomic.Bool // the two were compared as a whole
	anyBehind atomic.Bool // there are doubts

	mu       sync.Mutex
	writing  map[core.FeatureKey]int       // writes and migrations that are between the store and the catalog
	behind   map[core.FeatureKey]*doubt    // not to be answered from the catalog
	marks    int64                         // doubts so far
	live     map[string]bool               // intents of what is under way in this process
	asked    map[core.FeatureKey]time.Time // when the catalog was last seen to agree with the store
	compared time.Time                     // the same for all features
	retryAt  time.Time                     // a catalog that failed is left alone until then
	failures int
	catchAt  time.Time // when the next attempt is due to compare the whole
	drainAt  time.Time // when the next attempt is due to repair what is behind

	running    chan struct{} // closed when what runs beside the callers has returned
	cancel     context.CancelFunc
	catchingUp bool // that is the comparison at the first use
	catchBegan time.Time
}

var _ core.Store = (*store)(nil)

// enter is what every method begins with.
func (s *store) enter(ctx context.Context, op core.Op, key core.FeatureKey) error {
	err := ctx.Err()
	if s.closed.Load() {
		err = core.ErrClosed
	}
	if err == nil {
		s.tend(ctx, op)
	}
	return core.WrapError(op, key, name, err)
}

// Read asks nothing of the store for a feature that is surely not there.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.enter(ctx, core.OpRead, req.Key); err != nil {
		return core.Rows{}, err
	}
	if req.Check() == nil && s.absent(ctx, req.Key) {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, name, core.ErrFeatureNotFound)
	}
	return s.next.Read(ctx, req)
}

// Resolve passes on: what it compares is rows.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.enter(ctx, core.OpResolve, req.Key()); err != nil {
		return core.Increment{}, err
	}
	return s.next.Resolve(ctx, req)
}

// Stat answers from the catalog when that is known to be fresh. The commit log
// itself always comes from the store.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpStat, req.Key); err != nil {
		return core.Info{}, err
	}
	if req.Check() != nil {
		return s.next.Stat(ctx, req)
	}
	if e, ok := s.known(ctx, req.Key); ok {
		switch {
		case !e.Known():
			s.keeper.counts.answered.Add(1)
			return core.Info{}, core.WrapError(core.OpStat, req.Key, name, core.ErrFeatureNotFound)
		case req.Commits == 0 && e.Info.Generation == e.Generation:
			s.keeper.counts.answered.Add(1)
			return copyInfo(e.Info), nil
		}
	}
	return s.ask(ctx, req)
}

// ask passes a Stat on. What the store says is worth remembering where the
// catalog is trusted for a time, or lacks a description.
func (s *store) ask(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if !s.trusting() {
		return s.next.Stat(ctx, req)
	}
	s.keeper.counts.asked.Add(1)
	began := s.keeper.options.now()
	info, err := s.next.Stat(ctx, req)
	switch {
	case err == nil:
		s.note(ctx, req.Key, info, began)
	case errors.Is(err, core.ErrFeatureNotFound):
		s.note(ctx, req.Key, core.Info{}, began)
	}
	return info, err
}

// List answers from the catalog when all of it is known to be fresh; features
// that somebody is writing are looked up one by one.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	if err := s.enter(ctx, core.OpList, ""); err != nil {
		return func(yield func(core.Info, error) bool) { yield(core.Info{}, err) }
	}
	if !s.trustsAll() {
		return s.next.List(ctx, req)
	}
	return func(yield func(core.Info, error) bool) {
		s.keeper.counts.answered.Add(1)
		var last core.FeatureKey
		for e, err := range s.keeper.cat.Features(ctx, Query{Prefix: req.Prefix}) {
			if s.closed.Load() {
				err = core.WrapError(core.OpList, "", name, core.ErrClosed)
				yield(core.Info{}, err)
				return
			}
			if err != nil {
				s.listRest(ctx, req, last, err, yield)
				return
			}
			last = e.Key
			info, there, err := s.listed(ctx, e)
			if err != nil {
				yield(core.Info{}, err)
				return
			}
			if there && !yield(info, nil) {
				return
			}
		}
	}
}

// listed gives what List says of an entry.
func (s *store) listed(ctx context.Context, e Entry) (info core.Info, there bool, err error) {
	if s.sure(e.Key) && e.Settled() && (!e.Known() || e.Info.Generation == e.Generation) {
		return copyInfo(e.Info), e.Known(), nil
	}
	s.suspect(e)
	info, err = s.ask(ctx, core.StatRequest{Key: e.Key})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return info, false, nil
	}
	return info, err == nil, err
}

// listRest goes on with the store where the catalog broke off.
func (s *store) listRest(ctx context.Context, req core.ListRequest, last core.FeatureKey, err error, yield func(core.Info, error) bool) {
	if ctx.Err() != nil {
		yield(core.Info{}, core.WrapError(core.OpList, "", name, ctx.Err()))
		return
	}
	s.keeper.problem("", err)
	for info, err := range s.next.List(ctx, req) {
		if err == nil && last != "" && info.Key <= last {
			continue
		}
		if !yield(info, err) {
			return
		}
	}
}

// Capabilities are those of the store below.
func (s *store) Capabilities() core.Capabilities { return s.caps }

// Close leaves the store below and the catalog open, and ends what runs beside.
// What is not registered yet is found at the next first use: see Keeper.Flush.
func (s *store) Close() error {
	s.mu.Lock()
	s.closed.Store(true)
	running := s.running
	if running != nil {
		s.cancel()
	}
	s.mu.Unlock()
	if running != nil {
		<-running
	}
	return nil
}
