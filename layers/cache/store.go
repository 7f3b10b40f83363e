package cache

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// store answers reads from the shelf and passes on everything else.
type store struct {
	next   core.Store
	cache  *Cache
	id     uint64
	caps   core.Capabilities
	closed atomic.Bool
	// epoch moves with each own write, so that what was asked before it is not
	// believed after it.
	epoch atomic.Uint64

	mu    sync.Mutex
	infos map[seen]trustedInfo
}

var _ core.Store = (*store)(nil)

// seen names what Stat was asked.
type seen struct {
	feature core.FeatureKey
	local   bool
}

type trustedInfo struct {
	info  core.Info
	until time.Time
}

// enter is what every method begins with.
func (s *store) enter(ctx context.Context, op core.Op, key core.FeatureKey, check func() error) error {
	err := ctx.Err()
	if s.closed.Load() {
		err = core.ErrClosed
	}
	if err == nil && check != nil {
		err = check()
	}
	return core.WrapError(op, key, name, err)
}

// Write passes on; what was known of the feature before is forgotten, whatever
// the outcome, since a failed call can still have written.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.enter(ctx, core.OpWrite, req.Key(), nil); err != nil {
		return core.Commit{}, err
	}
	defer s.forget(req.Key())
	return s.next.Write(ctx, req)
}

// Resolve runs below where the store below can do it natively; else it runs
// here, so that its reads are cached.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.enter(ctx, core.OpResolve, req.Key(), nil); err != nil {
		return core.Increment{}, err
	}
	if s.caps.NativeResolve {
		return s.next.Resolve(ctx, req)
	}
	return resolve.ByReading(ctx, s, req)
}

// List passes on.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	if err := s.enter(ctx, core.OpList, "", nil); err != nil {
		return func(yield func(core.Info, error) bool) { yield(core.Info{}, err) }
	}
	return s.next.List(ctx, req)
}

// Stat passes on: it is what the cache itself believes.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpStat, req.Key, nil); err != nil {
		return core.Info{}, err
	}
	return s.next.Stat(ctx, req)
}

// Evolve passes on, and forgets as Write does.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpEvolve, req.Key, nil); err != nil {
		return core.Info{}, err
	}
	defer s.forget(req.Key)
	return s.next.Evolve(ctx, req)
}

// Capabilities are those of the store below.
func (s *store) Capabilities() core.Capabilities { return s.caps }

// Close drops what this store kept. The store below stays open.
func (s *store) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		s.cache.shelf.purge(s.id)
	}
	return nil
}

// forget drops what a commit may have changed.
func (s *store) forget(feature core.FeatureKey) {
	s.epoch.Add(1)
	s.mu.Lock()
	delete(s.infos, seen{feature, false})
	delete(s.infos, seen{feature, true})
	s.mu.Unlock()
	s.cache.shelf.forgetMissing(topic{s.id, feature})
}

// trusted gives what Stat said, within the time of the Validate option.
func (s *store) trusted(feature core.FeatureKey, local bool) (core.Info, bool) {
	if s.cache.options.validate == 0 {
		return core.Info{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.infos[seen{feature, local}]
	return t.info, ok && s.cache.options.now().Before(t.until)
}

// trust remembers what Stat said, unless a write came in between, and drops
// answers of generations that nobody will ask for by default again.
func (s *store) trust(feature core.FeatureKey, local bool, info core.Info, epoch uint64) {
	k := seen{feature, local}
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.infos[k]
	if known && last.info.Generation < info.Generation {
		s.cache.shelf.forget(topic{s.id, feature}, info.Generation)
	}
	if s.epoch.Load() != epoch {
		return
	}
	if known && last.info.Generation == info.Generation && s.cache.options.validate == 0 {
		return
	}
	if s.infos == nil {
		s.infos = map[seen]trustedInfo{}
	}
	s.infos[k] = trustedInfo{info: info, until: s.cache.options.now().Add(s.cache.options.validate)}
}
