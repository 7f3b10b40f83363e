package retry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

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
		req.ID = "retry-" + rand.Text()
	}
	source := replay(req.Rows)
	req.Rows = source.rows
	var commit core.Commit
	err := s.policy.run(ctx, core.OpWrite, req.Key(), func(ctx context.Context) error {
		return source.final(s.policy.call(ctx, func(ctx context.Context) (err error) {
			commit, err = s.next.Write(ctx, req)
			return err
		}))
	})
	if err != nil {
		return core.Commit{}, err
	}
	return commit, nil
}

// Resolve repeats the whole; the samples of a root feature must be replayable for that.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.usable(core.OpResolve, req.Key()); err != nil {
		return core.Increment{}, err
	}
	source := replay(req.Samples)
	req.Samples = source.rows
	var inc core.Increment
	err := s.policy.run(ctx, core.OpResolve, req.Key(), func(ctx context.Context) error {
		return source.final(s.policy.call(ctx, func(ctx context.Context) (err error) {
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
	return info, nil
}

// List repeats until the first feature was handed out.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if err := s.usable(core.OpList, ""); err != nil {
			yield(core.Info{}, err)
			return
		}
		more := true
		err := s.policy.run(ctx, core.OpList, "", func(ctx context.Context) error {
			a := s.policy.attempt(ctx)
			defer a.end()
			begun := false
			for info, err := range s.next.List(a.ctx, req) {
				if err != nil {
					return finalIf(begun, a.verdict(err))
				}
				a.settle()
				begun = true
				if more = yield(info, nil); !more {
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
	before, known := s.next.Stat(ctx, core.StatRequest{Key: req.Key, Local: true})
	doubtful := false
	var info core.Info
	err := s.policy.run(ctx, core.OpEvolve, req.Key, func(ctx context.Context) error {
		return s.policy.call(ctx, func(ctx context.Context) (err error) {
			info, err = s.next.Evolve(ctx, req)
			if doubtful && errors.Is(err, core.ErrConflict) && known == nil {
				if now, made := s.made(ctx, req, before); made {
					info, err = now, nil
				}
			}
			doubtful = doubtful || retryable(err)
			return err
		})
	})
	if err != nil {
		return core.Info{}, err
	}
	return info, nil
}

// made reports whether the schema is the one that the request would make of before.
func (s *store) made(ctx context.Context, req core.EvolveRequest, before core.Info) (core.Info, bool) {
	want, err := req.Apply(before)
	if err != nil || before.SchemaVersion != req.Base {
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

// source watches rows that a request carries, to know whether another attempt
// can read them again.
type source struct {
	rows   core.Rows
	ranged atomic.Bool
}

func replay(rows core.Rows) *source {
	s := &source{rows: rows}
	if rows.Batches != nil && !rows.Replayable {
		s.rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
			s.ranged.Store(true)
			rows.Batches(yield)
		}
	}
	return s
}

// final makes an error final when the rows are used up.
func (s *source) final(err error) error {
	if retryable(err) && s.ranged.Load() {
		return final{fmt.Errorf("%w (not tried again: the rows can be read once)", err)}
	}
	return err
}

func finalIf(begun bool, err error) error {
	if begun {
		return final{err}
	}
	return err
}
