package crypto

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// store decides about every operation itself.
type store struct {
	core.Strict
	next    core.Store
	keys    KeyProvider
	options options
	below   core.Capabilities
	closed  atomic.Bool
}

var _ core.EnforcingStore = (*store)(nil)

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

// stat gives a feature as it is stored and as callers see it.
func (s *store) stat(ctx context.Context, op core.Op, req core.StatRequest) (view, error) {
	info, err := s.next.Stat(ctx, req)
	if err != nil {
		return view{}, reissue(op, req.Key, err)
	}
	v, err := s.options.view(info)
	return v, core.WrapError(op, req.Key, name, err)
}

// Stat describes the feature with plaintext types. Bytes are those stored.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpStat, req.Key, req.Check); err != nil {
		return core.Info{}, err
	}
	v, err := s.stat(ctx, core.OpStat, req)
	if err != nil {
		return core.Info{}, err
	}
	return v.info, nil
}

// List describes features as Stat does.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if err := s.enter(ctx, core.OpList, "", nil); err != nil {
			yield(core.Info{}, err)
			return
		}
		for info, err := range s.next.List(ctx, req) {
			var v view
			if err == nil {
				v, err = s.options.view(info)
				err = core.WrapError(core.OpList, info.Key, name, err)
			}
			if err != nil {
				yield(core.Info{}, err)
				return
			}
			if !yield(v.info, nil) {
				return
			}
		}
	}
}

// Capabilities is built up from zero. Filters are pushed as far as the columns
// allow: those on a protected column are evaluated here, but for equality on a
// deterministic one.
func (s *store) Capabilities() core.Capabilities {
	return core.Capabilities{
		NativeResolve: s.below.NativeResolve,
		PushFilters:   s.below.PushFilters,
		PushColumns:   s.below.PushColumns,
		TimeTravel:    s.below.TimeTravel,
		Durable:       s.below.Durable,
		Evolve:        s.below.Evolve & (core.AddColumn | core.WidenColumn | core.RenameColumn),
	}
}

// Close ends the use of this layer; the store below stays open.
func (s *store) Close() error {
	s.closed.Store(true)
	return nil
}
