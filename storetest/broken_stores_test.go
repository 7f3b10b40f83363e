package storetest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func brokenStores() map[string]brokenCase {
	all := map[string]brokenCase{}
	for _, some := range []map[string]brokenCase{brokenWrites(), brokenReads(), brokenResolves(), brokenOthers()} {
		maps.Copy(all, some)
	}
	return all
}

func brokenWrites() map[string]brokenCase {
	return map[string]brokenCase{
		"forgets_ids": {"Write/W4_same_id_same_commit", "ignores the id of a write", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				req.ID = ""
				return next.Write(ctx, req)
			})},
		"ignores_conflicts": {"Write/W4_same_id_same_commit", "answers other rows under a known id with the first commit", ignoresConflicts},
		"keeps_half_a_write": {"Write/W6_failed_source_leaves_nothing", "commits what came before the source failed", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				var failed error
				req.Rows = mapRows(req.Rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
					for b, err := range seq {
						if failed = err; err != nil || !yield(b, nil) {
							return
						}
					}
				})
				c, err := next.Write(ctx, req)
				return c, errors.Join(err, failed)
			})},
		"ignores_cancellation": {"Write/W7_cancelled_source_leaves_nothing", "commits although the context has ended", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				return next.Write(context.WithoutCancel(ctx), req)
			})},
		"reads_the_source_twice": {"Write/W8_source_ranged_at_most_once", "counts the rows before it writes them", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				if req.Plan != nil && req.Rows.Batches != nil && req.Rows.Schema != nil {
					for _, err := range req.Rows.Batches {
						if err != nil {
							break
						}
					}
				}
				return next.Write(ctx, req)
			})},
		"keeps_the_callers_batches": {"Write/W9_batches_not_kept_nor_changed", "keeps the caller's batches", keepsBatches},
		"tombstones_ignored": {"Write/W11_tombstone_hides_and_write_brings_back", "accepts tombstones and does nothing", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if err != nil || req.History || !req.AsOf.IsZero() {
					return rows, err
				}
				req.AsOf = core.AtCommit(1) // before any tombstone
				return next.Read(ctx, req)
			})},
		"drops_empty_writes": {"Write/W2_empty_write_is_a_commit", "does not commit a write of no rows", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				if n, err := req.Rows.Count(); n == 0 && err == nil {
					return core.Commit{}, nil
				}
				return next.Write(ctx, req)
			})},
		"rounds_floats":     {"Write/W1_rows_written_are_rows_read", "turns NaN and -0 into 0 on the way out", roundsFloats},
		"accepts_anything":  {"Write/W12_data_version_is_checked", "fails bad writes with a text only", breakWrite(textOnly)},
		"panics_on_nothing": {"Errors/X7_zero_requests_do_not_panic", "panics on a request without a plan", breakWrite(panics)},
		"left_broken_by_a_cancelled_write": {"Errors/X8_context_may_end_anywhere", "refuses everything after a write that was cancelled on its way", func(next core.Store) core.Store {
			var broken atomic.Bool
			return breakWrite(func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				if broken.Load() {
					return core.Commit{}, core.ErrConflict
				}
				c, err := next.Write(ctx, req)
				broken.Store(errors.Is(err, context.Canceled))
				return c, err
			})(next)
		}},
		"writes_although_it_was_cancelled": {"Errors/X8_context_may_end_anywhere", "reports a context that ended after it has committed", breakWrite(
			func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				c, err := next.Write(ctx, req)
				return c, errors.Join(err, ctx.Err())
			})},
	}
}

func brokenReads() map[string]brokenCase {
	return map[string]brokenCase{
		"missing_is_empty": {"Read/R1_missing_feature_is_not_found", "answers a missing feature with no rows", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if errors.Is(err, core.ErrFeatureNotFound) {
					return core.RowsOf(arrow.NewSchema(nil, nil)), nil
				}
				return rows, err
			})},
		"yields_empty_batches": {"Read/R2_no_match_is_zero_batches", "ends every answer with an empty batch", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if err != nil {
					return rows, err
				}
				return mapRows(rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
					for b, err := range seq {
						if !yield(b, err) {
							return
						}
					}
					empty := array.NewRecordBuilder(allocator, rows.Schema)
					defer empty.Release()
					yield(empty.NewRecordBatch(), nil)
				}), nil
			})},
		"sorts_columns": {"Read/R3_columns_in_the_order_asked", "returns columns in its own order", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				req.Columns = slices.Clone(req.Columns)
				slices.Sort(req.Columns)
				return next.Read(ctx, req)
			})},
		"null_is_false": {"Read/R4_filters_equal_the_reference", "takes NULL for FALSE, so that NOT keeps nulls", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				if n, ok := req.Filter.(expr.NotExpr); ok {
					if c, ok := n.Term.(expr.Compare); ok {
						req.Filter = expr.Or(req.Filter, c.Column.IsNull())
					}
				}
				return next.Read(ctx, req)
			})},
		"filters_only_what_is_selected": {"Read/R5_filter_on_unselected_column", "drops the part of a filter on columns that are not returned", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				var keep []expr.Expr
				for _, c := range expr.Conjuncts(req.Filter) {
					if !slices.ContainsFunc(expr.Columns(c), func(n string) bool { return req.Columns != nil && !slices.Contains(req.Columns, n) }) {
						keep = append(keep, c)
					}
				}
				req.Filter = expr.And(keep...)
				return next.Read(ctx, req)
			})},
		"pushes_half": {"Read/R6_pushed_filter_leaves_no_residual", "evaluates the first term of a conjunction alone", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				if c := expr.Conjuncts(req.Filter); len(c) > 1 {
					req.Filter = c[0]
				}
				return next.Read(ctx, req)
			})},
		"ignores_as_of": {"Read/R7_as_of_sees_exactly_the_past", "always reads the present", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				req.AsOf = core.AsOf{}
				return next.Read(ctx, req)
			})},
		"errors_from_the_iterator": {"Read/R8_bad_requests_fail_in_read", "reports bad requests from inside the iterator", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if errors.Is(err, core.ErrInvalid) {
					return core.Rows{Schema: arrow.NewSchema(nil, nil), Batches: func(yield func(arrow.RecordBatch, error) bool) { yield(nil, err) }}, nil
				}
				return rows, err
			})},
		"leaks_on_break": {"Read/R9_break_releases_everything", "keeps a batch when the reader stops early", leaks(true)},
		"leaks_a_goroutine": {"Read/R10_never_ranged_holds_nothing", "starts a goroutine for each read", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if err != nil {
					return rows, err
				}
				blocked := make(chan struct{})
				go func() { <-blocked }()
				return rows, nil
			})},
		"second_range_is_empty": {"Read/R11_ranged_twice_is_equal_or_an_error", "gives no rows and no error the second time", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				var used atomic.Bool
				rows = mapRows(rows, func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool) {
					if used.CompareAndSwap(false, true) {
						seq(yield)
					}
				})
				rows.Replayable = false
				return rows, err
			})},
		"releases_twice": {"Read/R12_batch_valid_until_body_returns", "releases a batch that the reader still holds", leaks(false)},
		"latest_by_clock": {"Read/R13_latest_row_by_commit_sequence", "takes the row with the greatest time as the latest", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				if slices.Contains(req.Columns, core.ColCommit) && !req.History {
					req.AsOf = core.AtCommit(1) // the row whose "at" is the latest in R13
				}
				return next.Read(ctx, req)
			})},
	}
}
