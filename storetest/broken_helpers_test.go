package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

func textOnly(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	c, err := next.Write(ctx, req)
	if errors.Is(err, core.ErrInvalid) {
		err = errors.New(err.Error())
	}
	return c, err
}

func panics(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	_ = req.Plan.Version
	return next.Write(ctx, req)
}

func ignoresConflicts(next core.Store) core.Store {
	b := &broken{next: next}
	b.write = func(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
		c, err := next.Write(ctx, req)
		if !errors.Is(err, core.ErrConflict) {
			return c, err
		}
		info, err := next.Stat(ctx, core.StatRequest{Key: req.Key(), Commits: -1})
		if err != nil {
			return core.Commit{}, err
		}
		return info.Log[slices.IndexFunc(info.Log, func(c core.Commit) bool { return c.ID == req.ID })], nil
	}
	return b
}

// keepsBatches answers reads of the columns of the first write from the batches
// that the caller gave.
func keepsBatches(next core.Store) core.Store {
	b := &broken{next: next}
	var kept []arrow.RecordBatch
	b.write = func(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
		req.Rows = mapRows(req.Rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
			for batch, err := range seq {
				if batch != nil {
					batch.Retain()
					kept = append(kept, batch)
				}
				if !yield(batch, err) {
					return
				}
			}
		})
		return next.Write(ctx, req)
	}
	b.read = func(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
		if req.Columns == nil && len(kept) > 0 {
			return core.RowsOf(kept[0].Schema(), kept...), nil
		}
		return next.Read(ctx, req)
	}
	b.close = func() error {
		core.ReleaseAll(kept)
		kept = nil
		return next.Close()
	}
	return b
}

func roundsFloats(next core.Store) core.Store {
	return breakRead(func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
		rows, err := next.Read(ctx, req)
		if err != nil {
			return rows, err
		}
		return mapRows(rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
			for b, err := range seq {
				if err != nil {
					yield(nil, err)
					return
				}
				for i, c := range b.Columns() {
					if f, ok := c.(*array.Float64); ok {
						values := array.NewFloat64Builder(allocator)
						for row := range f.Len() {
							if v := f.Value(row); f.IsNull(row) {
								values.AppendNull()
							} else if v != v || v == 0 {
								values.Append(0)
							} else {
								values.Append(v)
							}
						}
						b, _ = b.SetColumn(i, values.NewArray())
					}
				}
				if !yield(b, nil) {
					return
				}
			}
		}), nil
	})(next)
}

// leaks retains or releases each batch once too often.
func leaks(retain bool) func(core.Store) core.Store {
	return breakRead(func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
		rows, err := next.Read(ctx, req)
		if err != nil {
			return rows, err
		}
		return mapRows(rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
			for b, err := range seq {
				ok := yield(b, err)
				if retain && !ok && b != nil {
					b.Retain()
				}
				if !retain && b != nil {
					b.Release() // the second time: the sequence below releases it too
				}
				if !ok {
					return
				}
			}
		}), nil
	})
}
