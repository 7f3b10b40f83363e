package retry

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// store repeats the operations of next.
type store struct {
	next   core.Store
	policy *policy
	closed atomic.Bool
}

var _ core.Store = (*store)(nil)

func (s *store) usable(op core.Op, key core.FeatureKey) error {
	if s.closed.Load() {
		return core.WrapError(op, key, Name, core.ErrClosed)
	}
	return nil
}

// Write repeats under one id: the caller's, or one made here.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.usable(core.OpWrite, req.Key()); err != nil {
		return core.Commit{}, err
	}
	if req.ID == "" {
		req.ID = invented + rand.Text()
	}
	source := replay(req.Rows)
	req.Rows = source.rows
	var commit core.Commit
	err := s.policy.each(ctx, core.OpWrite, req.Key(), func(t *turn) error {
		return source.blame(t, s.policy.call(ctx, func(ctx context.Context) (err error) {
			commit, err = s.next.Write(ctx, req)
			return err
		}))
	})
	if err != nil {
		return core.Commit{}, err
	}
	return shown(commit), nil
}

// invented begins the ids of writes that the caller gave none. They are stored,
// and not shown to callers of this layer.
const invented = "metaxy-retry-"

func shown(c core.Commit) core.Commit {
	if strings.HasPrefix(c.ID, invented) {
		c.ID = ""
	}
	return c
}

func shownInfo(info core.Info) core.Info {
	if slices.ContainsFunc(info.Log, func(c core.Commit) bool { return strings.HasPrefix(c.ID, invented) }) {
		info.Log = slices.Clone(info.Log)
		for i, c := range info.Log {
			info.Log[i] = shown(c)
		}
	}
	return info
}

// Resolve repeats the whole; the samples of a root feature must be replayable for that.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.usable(core.OpResolve, req.Key()); err != nil {
		return core.Increment{}, err
	}
	source := replay(req.Samples)
	req.Samples = source.rows
	var inc core.Increment
	err := s.policy.each(ctx, core.OpResolve, req.Key(), func(t *turn) error {
		return source.blame(t, s.policy.call(ctx, func(ctx context.Context) (err error) {
			inc, err = s.next.Resolve(ctx, req)
			return err
		}))
	})
	if err != nil {
		return core.Increment{}, err
	}
	return inc, nil
}

// Stat repeats.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.usable(core.OpStat, req.Key); err != nil {
		return core.Info{}, err
	}
	var info core.Info
	err := s.policy.run(ctx, core.OpStat, req.Key, func(ctx context.Context) error {
		return s.policy.call(ctx, func(ctx context.Context) (err error) {
			info, err = s.next.Stat(ctx, req)
			return err
		})
	})
	if err != nil {
		return core.Info{}, err
	}
	return shownInfo(info), nil
}

// List repeats until the first feature was handed out.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if err := s.usable(core.OpList, ""); err != nil {
			yield(core.Info{}, err)
			return
		}
		more := true
		err := s.policy.each(ctx, core.OpList, "", func(t *turn) error {
			a := s.policy.attempt(ctx)
			defer a.end()
			begun := false
			for info, err := range s.next.List(a.ctx, req) {
				if err != nil {
					return finalIf(begun, a.verdict(err))
				}
				if !begun {
					begun = true
					a.settle()
					t.began()
				}
				if more = yield(shownInfo(info), nil); !more {
					return nil
				}
			}
			return nil
		})
		if err != nil && more {
			yield(core.Info{}, err)
		}
	}
}

// Evolve repeats. When an attempt that seemed to fail was made after all, the
// next one meets its own work as a conflict, and that is success.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.usable(core.OpEvolve, req.Key); err != nil {
		return core.Info{}, err
	}
	before, err := s.before(ctx, req.Key)
	if err != nil {
		return core.Info{}, err
	}
	doubtful := false
	var info core.Info
	err = s.policy.run(ctx, core.OpEvolve, req.Key, func(ctx context.Context) error {
		return s.policy.call(ctx, func(ctx context.Context) (err error) {
			info, err = s.next.Evolve(ctx, req)
			if doubtful && errors.Is(err, core.ErrConflict) {
				if now, made := s.made(ctx, req, before); made {
					info, err = now, nil
				}
			}
			doubtful = doubtful || err != nil // also of an attempt that took too long
			return err
		})
	})
	if err != nil {
		return core.Info{}, err
	}
	return shownInfo(info), nil
}

// before is what a migration starts from, the zero Info where Evolve itself
// will say that there is nothing.
func (s *store) before(ctx context.Context, key core.FeatureKey) (core.Info, error) {
	var info core.Info
	err := s.policy.run(ctx, core.OpEvolve, key, func(ctx context.Context) error {
		return s.policy.call(ctx, func(ctx context.Context) (err error) {
			info, err = s.next.Stat(ctx, core.StatRequest{Key: key, Local: true})
			return err
		})
	})
	var e *core.Error
	switch {
	case errors.Is(err, core.ErrFeatureNotFound), errors.Is(err, core.ErrInvalid):
		return core.Info{}, nil
	case errors.As(err, &e):
		err = &core.Error{Op: core.OpEvolve, Key: key, Layer: e.Layer, Err: e.Err}
	}
	return info, err
}

// made reports whether the schema is the one that the request would make of before.
func (s *store) made(ctx context.Context, req core.EvolveRequest, before core.Info) (core.Info, bool) {
	if before.Schema == nil || before.SchemaVersion != req.Base {
		return core.Info{}, false
	}
	want, err := req.Apply(before)
	if err != nil {
		return core.Info{}, false
	}
	now, err := s.next.Stat(ctx, core.StatRequest{Key: req.Key, Local: true})
	return now, err == nil && now.SchemaVersion == req.Base+1 && core.SameColumns(want, now.Schema)
}

// Capabilities are those of the store below.
func (s *store) Capabilities() core.Capabilities { return s.next.Capabilities() }

// Close ends the use of this layer; the store below stays open.
func (s *store) Close() error {
	s.closed.Store(true)
	return nil
}

func finalIf(begun bool, err error) error {
	if begun {
		return final{err}
	}
	return err
}
