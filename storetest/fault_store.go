package storetest

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// faultStore is what FaultLayer.Wrap makes. It is strict, so that it can stand
// in the phases of enforcing layers too.
type faultStore struct {
	core.Strict
	layer *FaultLayer
	next  core.Store
	gate  gate
}

var _ core.Store = (*faultStore)(nil)

// Write fails, or cuts the rows on their way down.
func (s *faultStore) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	v, err := s.begin(ctx, core.OpWrite, req.Key())
	if err != nil {
		return core.Commit{}, err
	}
	req.Rows = v.rows(core.OpWrite, req.Key(), req.Rows)
	c, err := s.next.Write(ctx, req)
	if err == nil && v.late != nil {
		return core.Commit{}, core.WrapError(core.OpWrite, req.Key(), "fault", v.late)
	}
	return c, err
}

// Read fails, or cuts the rows on their way up.
func (s *faultStore) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	v, err := s.begin(ctx, core.OpRead, req.Key)
	if err != nil {
		return core.Rows{}, err
	}
	rows, err := s.next.Read(ctx, req)
	if err == nil && v.late != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "fault", v.late)
	}
	return v.rows(core.OpRead, req.Key, rows), err
}

// Resolve fails, or cuts each part of the increment.
func (s *faultStore) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	v, err := s.begin(ctx, core.OpResolve, req.Key())
	if err != nil {
		return core.Increment{}, err
	}
	inc, err := s.next.Resolve(ctx, req)
	if err == nil && v.late != nil {
		return core.Increment{}, core.WrapError(core.OpResolve, req.Key(), "fault", v.late)
	}
	for _, part := range []*core.Rows{&inc.New, &inc.Stale, &inc.Orphaned, &inc.Missing} {
		*part = v.rows(core.OpResolve, req.Key(), *part)
	}
	return inc, err
}

// List fails at once, after some features, or ends early.
func (s *faultStore) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		v, err := s.begin(ctx, core.OpList, "")
		if err = first(err, core.WrapError(core.OpList, "", "fault", v.late)); err != nil {
			yield(core.Info{}, err)
			return
		}
		n := 0
		for info, err := range s.next.List(ctx, req) {
			if v.stream && n >= v.after {
				break
			}
			n++
			if !yield(info, err) {
				return
			}
		}
		if v.stream && v.cut != nil {
			yield(core.Info{}, core.WrapError(core.OpList, "", "fault", v.cut))
		}
	}
}

// Stat fails.
func (s *faultStore) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	v, err := s.begin(ctx, core.OpStat, req.Key)
	if err != nil {
		return core.Info{}, err
	}
	info, err := s.next.Stat(ctx, req)
	if err == nil && v.late != nil {
		return core.Info{}, core.WrapError(core.OpStat, req.Key, "fault", v.late)
	}
	return info, err
}

// Evolve fails, perhaps after the migration was made.
func (s *faultStore) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	v, err := s.begin(ctx, core.OpEvolve, req.Key)
	if err != nil {
		return core.Info{}, err
	}
	info, err := s.next.Evolve(ctx, req)
	if err == nil && v.late != nil {
		return core.Info{}, core.WrapError(core.OpEvolve, req.Key, "fault", v.late)
	}
	return info, err
}

// Capabilities are those of the store below.
func (s *faultStore) Capabilities() core.Capabilities { return s.next.Capabilities() }

// Close fails by rule. It leaves the store below alone: whoever opened it closes it.
func (s *faultStore) Close() error {
	_, err := s.layer.begin(context.Background(), core.OpClose, "")
	if err == nil {
		s.gate.close()
	}
	return err
}

// begin is what every other method does first.
func (s *faultStore) begin(ctx context.Context, op core.Op, key core.FeatureKey) (verdict, error) {
	if err := s.gate.check(op, key, "fault"); err != nil {
		return verdict{}, err
	}
	return s.layer.begin(ctx, op, key)
}

// rows cuts a stream after some batches.
func (v verdict) rows(op core.Op, key core.FeatureKey, rows core.Rows) core.Rows {
	if !v.stream || rows.Schema == nil {
		return rows
	}
	whole := rows
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		n := 0
		for b, err := range whole.All() {
			if n >= v.after {
				break
			}
			n++
			if !yield(b, err) {
				return
			}
		}
		if v.cut != nil {
			yield(nil, core.WrapError(op, key, "fault", v.cut))
		}
	}
	return rows
}
