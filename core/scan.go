package core

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Frame is a lazy read: what it will ask for is put together step by step, and
// nothing touches the store before Rows, Collect or Count. A Frame is a value:
// each method returns another one and leaves its receiver as it was.
//
// The steps are not an order of execution. However they are arranged, the
// filters apply first, then the limit.
type Frame struct {
	store   Store
	req     ReadRequest
	limited bool
	limit   int64
	err     error // the first mistake, told by Rows
}

// Scan begins a lazy read of a feature: all its columns, all its samples, now.
func Scan(store Store, key FeatureKey) Frame {
	return Frame{store: store, req: ReadRequest{Key: key}}
}

// Filter keeps the samples for which e is true. Several filters are joined by
// AND and go to the store as one.
func (f Frame) Filter(e expr.Expr) Frame {
	f.req.Filter = expr.And(f.req.Filter, e)
	return f
}

// Where is Filter with text such as `region = 'us-west' AND frames > 100`. A
// mistake in the text is the error of Rows; it holds an *expr.Error, whose
// Detail points at the place.
func (f Frame) Where(text string) Frame {
	e, err := expr.Parse(text)
	if err != nil {
		return f.fail(invalidf("%w", err))
	}
	return f.Filter(e)
}

// Select chooses the columns and their order; without names it goes back to all
// of them. System columns can be named as well.
func (f Frame) Select(columns ...string) Frame {
	f.req.Columns = nil
	if len(columns) > 0 {
		f.req.Columns = slices.Clone(columns)
	}
	return f
}

// AsOf reads the past.
func (f Frame) AsOf(a AsOf) Frame {
	f.req.AsOf = a
	return f
}

// History gives every row ever written instead of the latest of each sample.
func (f Frame) History() Frame {
	f.req.History = true
	return f
}

// Local leaves fallbacks out.
func (f Frame) Local() Frame {
	f.req.Local = true
	return f
}

// Limit gives at most n rows; of several limits the lowest counts. Which rows
// they are is up to the store.
func (f Frame) Limit(n int64) Frame {
	if n < 0 {
		return f.fail(invalidf("a limit of %d rows", n))
	}
	if !f.limited || n < f.limit {
		f.limited, f.limit = true, n
	}
	return f
}

// Request is the read that Rows will ask for.
func (f Frame) Request() ReadRequest {
	f.req.Columns = slices.Clone(f.req.Columns)
	return f.req
}

// Rows asks the store. Every mistake made while the frame was put together is
// an *Error that matches ErrInvalid, and the store is then not asked.
func (f Frame) Rows(ctx context.Context) (Rows, error) {
	if err := f.mistake(); err != nil {
		return Rows{}, WrapError(OpRead, f.req.Key, "", err)
	}
	rows, err := f.store.Read(ctx, f.Request())
	if err != nil {
		return Rows{}, WrapError(OpRead, f.req.Key, "", err)
	}
	if f.limited {
		rows = limitRows(rows, f.limit)
	}
	return rows, nil
}

// Collect reads all rows and retains their batches; the caller releases them.
func (f Frame) Collect(ctx context.Context) ([]arrow.RecordBatch, error) {
	rows, err := f.Rows(ctx)
	if err != nil {
		return nil, err
	}
	out, err := rows.Collect()
	return out, WrapError(OpRead, f.req.Key, "", err)
}

// Count counts the rows that Rows would give. Where the store knows how many
// samples there are it reads none, and otherwise no column of the user's.
func (f Frame) Count(ctx context.Context) (int64, error) {
	if f.mistake() == nil && f.req.Filter == nil && f.req.AsOf.IsZero() && !f.req.History {
		info, err := f.store.Stat(ctx, StatRequest{Key: f.req.Key, Local: f.req.Local})
		if err != nil {
			return 0, WrapError(OpRead, f.req.Key, "", err)
		}
		if info.Rows >= 0 {
			return f.atMost(info.Rows), nil
		}
	}
	rows, err := f.Select(ColCommit).Rows(ctx)
	if err != nil {
		return 0, err
	}
	n, err := rows.Count()
	return n, WrapError(OpRead, f.req.Key, "", err)
}

func (f Frame) atMost(n int64) int64 {
	if f.limited {
		return min(n, f.limit)
	}
	return n
}

// mistake is what Rows reports without asking the store.
func (f Frame) mistake() error {
	if f.store == nil {
		return invalidf("there is no store to scan")
	}
	return f.err
}

// fail keeps the first mistake.
func (f Frame) fail(err error) Frame {
	if f.err == nil {
		f.err = err
	}
	return f
}

// limitRows leaves the loop over rows as soon as it has n, and cuts the last
// batch where it has more.
func limitRows(rows Rows, n int64) Rows {
	all := rows.All()
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		left := n
		if left == 0 {
			return
		}
		for batch, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if batch.NumRows() > left {
				yieldSlice(batch, left, yield)
				return
			}
			left -= batch.NumRows()
			if !yield(batch, nil) || left == 0 {
				return
			}
		}
	}
	return rows
}

func yieldSlice(batch arrow.RecordBatch, n int64, yield func(arrow.RecordBatch, error) bool) {
	cut := batch.NewSlice(0, n)
	defer cut.Release()
	yield(cut, nil)
}
