package fallback

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// store reads from next and, for what next does not hold, from the legs.
type store struct {
	next core.Store
	here *place // next, with what is known of it
	legs []*place
	o    options
	caps core.Capabilities

	closed   atomic.Bool
	closing  sync.Once
	closeErr error
}

var _ core.Store = (*store)(nil)

// Write is core.Store's. It stays here.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.usable(core.OpWrite, req.Key()); err != nil {
		return core.Commit{}, err
	}
	if len(s.legs) > 0 && !s.here.holds(req.Key()) && (req.Tombstones || s.o.overlay) {
		check := s.checkRetire
		if s.o.overlay {
			check = s.makeRoom
		}
		if err := check(ctx, req); err != nil {
			return core.Commit{}, err
		}
	}
	c, err := s.next.Write(ctx, req)
	if err == nil && c.Rows > 0 {
		s.here.learn(req.Key())
	}
	return c, err
}

// checkRetire refuses tombstones for a feature that only a leg holds.
func (s *store) checkRetire(ctx context.Context, req core.WriteRequest) error {
	if err := req.Check(); err != nil {
		return core.WrapError(core.OpWrite, req.Key(), Name, err)
	}
	p, err := s.where(ctx, core.OpWrite, req.Key())
	if err != nil {
		return core.WrapError(core.OpWrite, req.Key(), Name, err)
	}
	if p == nil || p == s.here {
		return nil
	}
	return &core.Error{Op: core.OpWrite, Key: req.Key(), Layer: Name, Err: fmt.Errorf(
		"%w: only %s holds this feature, and a tombstone here would hide all of it; retire the samples in %s, or write the feature here first",
		core.ErrUnsupported, p.name, p.name)}
}

// Read is core.Store's. Rows.Origin names the leg that answered. A feature that is known to be here costs one call.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.usable(core.OpRead, req.Key); err != nil {
		return core.Rows{}, err
	}
	if s.o.overlay {
		rows, err := s.overlay(ctx, req)
		return rows, core.WrapError(core.OpRead, req.Key, Name, err)
	}
	if req.Local || len(s.legs) == 0 {
		return s.next.Read(ctx, req)
	}
	if s.here.holds(req.Key) {
		rows, err := s.next.Read(ctx, req)
		if err == nil || !s.movesOn(err) {
			return rows, err
		}
	}
	rows, p, err := search(s, core.OpRead, req.Key,
		func(p *place) (core.Rows, error) { return p.store.Read(ctx, req) },
		func(p *place, _ core.Rows) (bool, error) { return p.counts(ctx, req.Key) })
	if err != nil {
		return core.Rows{}, err
	}
	return p.signedRows(rows), nil
}

// List is core.Store's: the features of every place in key order, each once.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	if err := s.usable(core.OpList, ""); err != nil {
		return func(yield func(core.Info, error) bool) { yield(core.Info{}, err) }
	}
	if req.Local || len(s.legs) == 0 {
		return s.next.List(ctx, req)
	}
	return s.merge(ctx, req)
}

// Stat is core.Store's. Info.Origin names the leg that answered.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.usable(core.OpStat, req.Key); err != nil {
		return core.Info{}, err
	}
	if req.Local || len(s.legs) == 0 {
		return s.next.Stat(ctx, req)
	}
	if s.o.overlay {
		info, err := s.overlaidInfo(ctx, req)
		return info, core.WrapError(core.OpStat, req.Key, Name, err)
	}
	info, p, err := s.stat(ctx, core.OpStat, req)
	if err != nil {
		return core.Info{}, err
	}
	return p.signed(info), nil
}

func (s *store) stat(ctx context.Context, op core.Op, req core.StatRequest) (core.Info, *place, error) {
	return search(s, op, req.Key,
		func(p *place) (core.Info, error) { return p.store.Stat(ctx, req) },
		func(p *place, info core.Info) (bool, error) { return p.countsAs(ctx, info) })
}

// signed fills in where an Info came from. A leg that fell back itself has
// said so already.
func (p *place) signed(info core.Info) core.Info {
	if info.Origin == "" {
		info.Origin = p.name
	}
	return info
}

func (p *place) signedRows(rows core.Rows) core.Rows {
	if rows.Origin == "" {
		rows.Origin = p.name
	}
	return rows
}

// where finds the place that answers for a feature, nil when none holds it.
func (s *store) where(ctx context.Context, op core.Op, key core.FeatureKey) (*place, error) {
	if s.here.holds(key) {
		return s.here, nil
	}
	_, p, err := s.stat(ctx, op, core.StatRequest{Key: key})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil, nil
	}
	return p, err
}

// Evolve is core.Store's. It stays here.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.usable(core.OpEvolve, req.Key); err != nil {
		return core.Info{}, err
	}
	return s.next.Evolve(ctx, req)
}

// Capabilities are what holds wherever a feature is read from.
func (s *store) Capabilities() core.Capabilities { return s.caps }

// capabilities starts from those of the store below, which writes, evolves and
// resolves what is here. Reads may be answered by a leg, so what is claimed of
// reads is what every leg can do.
func (s *store) capabilities() core.Capabilities {
	c := s.next.Capabilities()
	for _, p := range s.legs {
		l := p.store.Capabilities()
		c.PushFilters &= l.PushFilters
		c.PushColumns = c.PushColumns && l.PushColumns
		c.TimeTravel = c.TimeTravel && l.TimeTravel
	}
	return c
}

// Close leaves the store below open, which this layer did not open, and the
// legs too unless it owns them.
func (s *store) Close() error {
	s.closing.Do(func() {
		s.closed.Store(true)
		if !s.o.owns {
			return
		}
		var errs []error
		for _, p := range s.legs {
			errs = append(errs, p.errorOf(p.store.Close()))
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

func (s *store) usable(op core.Op, key core.FeatureKey) error {
	if s.closed.Load() {
		return &core.Error{Op: op, Key: key, Layer: Name, Err: core.ErrClosed}
	}
	return nil
}
