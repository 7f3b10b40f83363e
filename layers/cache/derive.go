package cache

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core/expr"
)

// derivable reports whether e holds every row and column that q needs, and
// which terms of q's filter remain to be applied. It proves little: every term
// that made e must be a term of q, to the letter.
func (q question) derivable(e *entry) (rest []int, ok bool) {
	for _, c := range q.columns {
		if _, ok := e.columns[c]; !ok {
			return nil, false
		}
	}
	for _, text := range e.texts {
		if !slices.Contains(q.texts, text) {
			return nil, false
		}
	}
	for i, text := range q.texts {
		if slices.Contains(e.texts, text) {
			continue
		}
		for _, c := range expr.Columns(q.terms[i]) {
			if _, ok := e.columns[c]; !ok {
				return nil, false
			}
		}
		rest = append(rest, i)
	}
	return rest, true
}

// serve yields q's answer from an entry that the caller holds. Columns are not
// copied; only a filter makes new ones.
func (q question) serve(ctx context.Context, e *entry, rest []int, yield func(arrow.RecordBatch, error) bool) {
	var filter *expr.Bound
	if len(rest) > 0 {
		var terms []expr.Expr
		for _, i := range rest {
			terms = append(terms, q.terms[i])
		}
		var err error
		if filter, err = expr.Bind(expr.And(terms...), e.schema); err != nil {
			yield(nil, err)
			return
		}
	}
	at := make([]int, len(q.columns))
	same := len(at) == e.schema.NumFields()
	for i, c := range q.columns {
		at[i] = e.columns[c]
		same = same && at[i] == i
	}
	for _, b := range e.batches {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		if !q.serveBatch(ctx, b, filter, at, same, yield) {
			return
		}
	}
}

func (q question) serveBatch(ctx context.Context, b arrow.RecordBatch, filter *expr.Bound, at []int, same bool, yield func(arrow.RecordBatch, error) bool) bool {
	if filter != nil {
		kept, err := filter.Filter(ctx, b, memory.DefaultAllocator)
		if err != nil {
			yield(nil, err)
			return false
		}
		defer kept.Release()
		if kept.NumRows() == 0 {
			return true
		}
		b = kept
	}
	if same {
		return yield(b, nil)
	}
	columns := make([]arrow.Array, len(at))
	for i, from := range at {
		columns[i] = b.Column(from)
	}
	projected := array.NewRecordBatch(q.plan.Schema, columns, b.NumRows())
	defer projected.Release()
	return yield(projected, nil)
}
