package compose

import (
	"iter"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

func (g *guard) rows(op core.Op, key core.FeatureKey, rows core.Rows) core.Rows {
	if rows.Batches != nil {
		rows.Batches = guarded(g, op, key, rows.Batches)
	}
	return rows
}

// guarded ends a sequence that panics with an error. A consumer that left the
// loop before, while the sequence cleans up, cannot be told.
func guarded[T any](g *guard, op core.Op, key core.FeatureKey, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		r := run[T]{yield: yield}
		if err := r.through(g, op, key, seq); err != nil && !r.left {
			var none T
			yield(none, err)
		}
	}
}

// run is one range over a sequence.
type run[T any] struct {
	yield func(T, error) bool
	body  bool // the loop's body runs, or was left by a panic
	left  bool // the loop was left
}

func (r *run[T]) through(g *guard, op core.Op, key core.FeatureKey, seq iter.Seq2[T, error]) (err error) {
	defer func() {
		if !r.body {
			g.caught(recover(), op, key, &err)
		}
	}()
	seq(r.next)
	return nil
}

func (r *run[T]) next(v T, err error) bool {
	r.body = true
	more := r.yield(v, err)
	r.body = false
	r.left = !more
	return more
}

// source watches rows on their way down for a panic of whoever gives them.
type source struct{ panics atomic.Bool }

func (s *source) watch(rows core.Rows) core.Rows {
	batches := rows.Batches
	if batches == nil {
		return rows
	}
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		r := run[arrow.RecordBatch]{yield: yield}
		ended := false
		defer func() {
			if !ended && !r.body {
				s.panics.Store(true)
			}
		}()
		batches(r.next)
		ended = true
	}
	return rows
}
