package retry

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Read repeats the call, and the range over its rows until the first batch was
// handed out.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.usable(core.OpRead, req.Key); err != nil {
		return core.Rows{}, err
	}
	var rows core.Rows
	var opened attempt
	err := s.policy.each(ctx, core.OpRead, req.Key, func(t *turn) (err error) {
		opened = s.policy.attempt(ctx)
		rows, err = s.next.Read(opened.ctx, req)
		opened.settle()
		if err != nil {
			err = opened.verdict(err)
			opened.end()
			return err
		}
		// Rows may come out of storage only as they are ranged over, and they
		// may never be.
		t.end(unknown)
		return nil
	})
	if err != nil {
		return core.Rows{}, err
	}
	// The rows of the call serve the first range; each further one reads again.
	var ranged atomic.Bool
	seq := func(yield func(arrow.RecordBatch, error) bool) {
		var first *opening
		if ranged.CompareAndSwap(false, true) {
			first = &opening{rows: rows, attempt: opened}
		}
		s.stream(ctx, req, rows.Schema, first, yield)
	}
	if !rows.Replayable {
		seq = core.Once(seq)
	}
	return core.Rows{Schema: rows.Schema, Replayable: rows.Replayable, Origin: rows.Origin, Batches: seq}, nil
}

// opening is an answer whose rows nobody has read yet, with the attempt whose
// context they live in.
type opening struct {
	rows    core.Rows
	attempt attempt
}

// errChanged is for another read whose rows do not fit what was promised.
var errChanged = fmt.Errorf("%w: the schema changed between two attempts", core.ErrConflict)

// open reads again, under a bound of its own, for rows of the schema.
func (s *store) open(ctx context.Context, req core.ReadRequest, schema *arrow.Schema) (*opening, error) {
	a := s.policy.attempt(ctx)
	rows, err := s.next.Read(a.ctx, req)
	if err != nil {
		err = a.verdict(err)
	} else if !core.SameColumns(rows.Schema, schema) {
		err = errChanged
	}
	if err != nil {
		a.end()
		return nil, err
	}
	return &opening{rows: rows, attempt: a}, nil
}

// stream ranges over the rows of first, or of another read when that fails
// before it gave anything or is not there.
func (s *store) stream(ctx context.Context, req core.ReadRequest, schema *arrow.Schema, first *opening, yield func(arrow.RecordBatch, error) bool) {
	defer func() {
		if first != nil {
			first.attempt.end() // nobody got so far as to range over it
		}
	}()
	more := true
	err := s.policy.each(ctx, core.OpRead, req.Key, func(t *turn) error {
		if err := s.usable(core.OpRead, req.Key); err != nil {
			return err
		}
		o := first
		first = nil
		if o == nil {
			var err error
			if o, err = s.open(ctx, req, schema); err != nil {
				return err
			}
		}
		begun := false
		feed := func(b arrow.RecordBatch) bool {
			if !begun {
				begun = true
				t.began()
			}
			more = yield(b, nil)
			return more
		}
		if err := s.race(ctx, req, schema, o, feed); err != nil {
			return finalIf(begun, err)
		}
		return nil
	})
	if err != nil && more {
		yield(nil, err)
	}
}

// drain feeds every batch of o, and ends its attempt.
func drain(o *opening, feed func(arrow.RecordBatch) bool) error {
	defer o.attempt.end()
	for b, err := range o.rows.All() {
		if err != nil {
			return o.attempt.verdict(err)
		}
		o.attempt.settle()
		if !feed(b) {
			return nil
		}
	}
	return nil
}
