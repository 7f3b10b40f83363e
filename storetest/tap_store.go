package storetest

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// tapStore is what TapLayer.Wrap makes. It is strict, so that it can stand in
// the phases of enforcing layers too.
type tapStore struct {
	core.Strict
	layer *TapLayer
	next  core.Store
	gate  gate
}

var _ core.Store = (*tapStore)(nil)

// record appends a call; end sets what it answered.
func (t *TapLayer) record(c Call) *Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, &c)
	return &c
}

func (t *TapLayer) end(c *Call, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Err == nil {
		c.Err = err
	}
}

// watch notes the rows that pass, when asked to, and the error that ends them.
func (t *TapLayer) watch(c *Call, rows core.Rows) core.Rows {
	if rows.Schema == nil {
		return rows
	}
	whole := rows
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range whole.All() {
			if err != nil {
				t.end(c, err)
			} else if t.rows && b != nil {
				lines := BatchLines(b)
				t.mu.Lock()
				c.Rows = append(c.Rows, lines...)
				t.mu.Unlock()
			}
			if !yield(b, err) {
				return
			}
		}
	}
	return rows
}

// Write records the call and the rows on their way down.
func (s *tapStore) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.gate.check(core.OpWrite, req.Key(), "tap"); err != nil {
		return core.Commit{}, err
	}
	c := Call{Op: core.OpWrite, Key: req.Key(), Write: req}
	c.Write.Rows = core.Rows{Schema: req.Rows.Schema}
	call := s.layer.record(c)
	req.Rows = s.layer.watch(call, req.Rows)
	commit, err := s.next.Write(ctx, req)
	s.layer.end(call, err)
	return commit, err
}

// Read records the call and the rows on their way up.
func (s *tapStore) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.gate.check(core.OpRead, req.Key, "tap"); err != nil {
		return core.Rows{}, err
	}
	call := s.layer.record(Call{Op: core.OpRead, Key: req.Key, Read: req})
	rows, err := s.next.Read(ctx, req)
	s.layer.end(call, err)
	return s.layer.watch(call, rows), err
}

// Resolve records the call, the samples and the answer.
func (s *tapStore) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.gate.check(core.OpResolve, req.Key(), "tap"); err != nil {
		return core.Increment{}, err
	}
	c := Call{Op: core.OpResolve, Key: req.Key(), Resolve: req}
	c.Resolve.Samples = core.Rows{Schema: req.Samples.Schema}
	call := s.layer.record(c)
	req.Samples = s.layer.watch(call, req.Samples)
	inc, err := s.next.Resolve(ctx, req)
	s.layer.end(call, err)
	for _, part := range []*core.Rows{&inc.New, &inc.Stale, &inc.Orphaned, &inc.Missing} {
		*part = s.layer.watch(call, *part)
	}
	return inc, err
}

// List records the call when the loop begins.
func (s *tapStore) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if err := s.gate.check(core.OpList, "", "tap"); err != nil {
			yield(core.Info{}, err)
			return
		}
		call := s.layer.record(Call{Op: core.OpList, List: req})
		for info, err := range s.next.List(ctx, req) {
			s.layer.end(call, err)
			if !yield(info, err) {
				return
			}
		}
	}
}

// Stat records the call.
func (s *tapStore) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.gate.check(core.OpStat, req.Key, "tap"); err != nil {
		return core.Info{}, err
	}
	call := s.layer.record(Call{Op: core.OpStat, Key: req.Key, Stat: req})
	info, err := s.next.Stat(ctx, req)
	s.layer.end(call, err)
	return info, err
}

// Evolve records the call.
func (s *tapStore) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.gate.check(core.OpEvolve, req.Key, "tap"); err != nil {
		return core.Info{}, err
	}
	call := s.layer.record(Call{Op: core.OpEvolve, Key: req.Key, Evolve: req})
	info, err := s.next.Evolve(ctx, req)
	s.layer.end(call, err)
	return info, err
}

// Capabilities are those of the store below.
func (s *tapStore) Capabilities() core.Capabilities { return s.next.Capabilities() }

// Close leaves the store below alone: whoever opened it closes it.
func (s *tapStore) Close() error {
	s.gate.close()
	return nil
}
