package crypto

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// ReencryptReport says what a feature's latest rows are encrypted with. Rows
// that were superseded stay as they are: the store is append-only.
type ReencryptReport struct {
	Rows      int64 // latest rows
	Old       int64 // of these, with a value that the primary key did not write
	Rewritten int64 // of these, written again
	Skipped   int64 // of these, left: they lack a container's version, so they are stale anyway
	Commits   int
}

// Share is the part of the latest rows that is still under old keys, 0 to 1.
func (r ReencryptReport) Share() float64 {
	if r.Rows == 0 {
		return 0
	}
	return float64(r.Old-r.Rewritten) / float64(r.Rows)
}

// Reencrypt appends the latest rows that older keys wrote again, under the
// primary key and with the same data versions, so nothing becomes stale. below
// is the store under the layer. Each batch of at most batchRows rows is a
// commit: after an error another call goes on from there. progress may be nil.
//
// When somebody else writes the feature meanwhile the call ends with
// core.ErrConflict, since a row read before would hide one written after.
func (c *Crypto) Reencrypt(ctx context.Context, below core.Store, plan *core.Plan, batchRows int, progress func(done, total int64)) (ReencryptReport, error) {
	return c.reencrypt(ctx, below, plan, max(1, batchRows), progress)
}

// OldKeys reports what Reencrypt would do.
func (c *Crypto) OldKeys(ctx context.Context, below core.Store, plan *core.Plan) (ReencryptReport, error) {
	return c.reencrypt(ctx, below, plan, 0, nil)
}

func (c *Crypto) reencrypt(ctx context.Context, below core.Store, plan *core.Plan, batch int, progress func(done, total int64)) (ReencryptReport, error) {
	wrapped, err := c.Wrap(below)
	if err != nil {
		return ReencryptReport{}, err
	}
	defer func() { _ = wrapped.Close() }()
	r := &reencryption{over: wrapped, below: below, plan: plan, batch: batch, progress: progress}
	err = plan.Validate()
	if err == nil {
		err = r.run(ctx, c)
	}
	return r.report, core.WrapError(core.OpWrite, plan.Key(), name, err)
}

type reencryption struct {
	over, below core.Store
	plan        *core.Plan
	batch       int // 0: count only
	progress    func(done, total int64)

	report     ReencryptReport
	columns    []*column
	primary    uint32
	generation int64
	ids        []string
	total      int64
}

func (r *reencryption) run(ctx context.Context, c *Crypto) error {
	info, err := r.below.Stat(ctx, core.StatRequest{Key: r.plan.Key(), Local: true})
	if err != nil {
		return err
	}
	v, err := c.options.view(info)
	if err != nil || len(v.columns) == 0 {
		return err
	}
	for _, name := range info.Containers {
		if !slices.Contains(r.plan.ContainerNames(), name) {
			return invalidf("the feature has container %q, which the plan lacks: use the plan that writes it", name)
		}
	}
	ring, err := (&store{keys: c.keys}).ring(ctx)
	if err != nil {
		return err
	}
	if err := trustAll(v.columns, ring, r.plan.Key()); err != nil {
		return err
	}
	r.columns, r.primary, r.generation, r.ids = v.columns, ring.Primary(), info.Generation, info.ID
	if err := r.pass(ctx, names(info.Schema), func(arrow.RecordBatch, []bool) error { return nil }); err != nil || r.batch == 0 {
		return err
	}
	r.total, r.report.Rows, r.report.Old, r.report.Skipped = r.report.Old-r.report.Skipped, 0, 0, 0
	return r.rewrite(ctx, v, ring)
}

// pass goes through the latest rows as they are stored and says which of them
// are to be written again.
func (r *reencryption) pass(ctx context.Context, columns []string, each func(arrow.RecordBatch, []bool) error) error {
	req := core.ReadRequest{Key: r.plan.Key(), Columns: columns, Local: true}
	if r.below.Capabilities().TimeTravel {
		req.AsOf = core.AtCommit(r.generation)
	}
	rows, err := r.below.Read(ctx, req)
	if err != nil {
		return err
	}
	for b, err := range rows.All() {
		if err != nil {
			return err
		}
		old, err := r.old(b)
		if err != nil {
			return err
		}
		if err := each(b, old); err != nil {
			return err
		}
	}
	return nil
}

func (r *reencryption) old(b arrow.RecordBatch) ([]bool, error) {
	out := make([]bool, b.NumRows())
	for _, c := range r.columns {
		whole, err := named(b, c.path[0])
		if err != nil {
			return nil, err
		}
		inner, err := at(whole, c.path[1:])
		if err != nil {
			return nil, err
		}
		cells, ok := inner.(*array.Binary)
		for row := 0; ok && row < cells.Len(); row++ {
			if cells.IsNull(row) {
				continue
			}
			_, key, _, _, err := parse(cells.Value(row))
			out[row] = out[row] || err != nil || key != r.primary // what is broken is met when it is read
		}
		inner.Release()
	}
	whole := completeRows(b, r.plan.ContainerNames())
	r.report.Rows += b.NumRows()
	for row, old := range out {
		if !old {
			continue
		}
		r.report.Old++
		if !whole(row) {
			r.report.Skipped++
			out[row] = false
		}
	}
	return out, nil
}

// completeRows says whether a row has the version of every container.
func completeRows(b arrow.RecordBatch, containers []string) func(row int) bool {
	at := b.Schema().FieldIndices(core.ColDataVersion)
	if len(at) != 1 {
		return func(int) bool { return false }
	}
	versions, ok := b.Column(at[0]).(*array.Struct)
	if !ok {
		return func(int) bool { return false }
	}
	var fields []value
	for i, f := range versions.DataType().(*arrow.StructType).Fields() {
		if v, err := valueOf(versions.Field(i)); err == nil && slices.Contains(containers, f.Name) {
			fields = append(fields, v)
		}
	}
	return func(row int) bool {
		return len(fields) == len(containers) && !slices.ContainsFunc(fields, func(v value) bool { return v.null(row) })
	}
}

// rewrite collects rows to write again and commits them batch by batch.
func (r *reencryption) rewrite(ctx context.Context, v view, ring *keys.Ring) error {
	reading := &reading{key: r.plan.Key(), ids: r.ids, want: v.info.Schema, plain: v.info.Schema}
	columns := names(v.info.Schema)
	for _, c := range v.columns {
		reading.openers = append(reading.openers, &opener{column: c, ring: ring, feature: r.plan.Key()})
		columns = append(columns, c.companion)
	}
	var pending []arrow.RecordBatch
	var rows int64
	defer func() { core.ReleaseAll(pending) }()
	flush := func() error {
		if rows == 0 {
			return nil
		}
		err := r.commit(ctx, v.info.Schema, pending, rows)
		core.ReleaseAll(pending)
		pending, rows = nil, 0
		return err
	}
	err := r.pass(ctx, columns, func(b arrow.RecordBatch, old []bool) error {
		for lo := 0; lo < len(old); lo += r.batch {
			hi := min(lo+r.batch, len(old))
			plain, err := r.pick(ctx, reading, b, old, lo, hi)
			if err != nil || plain == nil {
				if err != nil {
					return err
				}
				continue
			}
			pending, rows = append(pending, plain), rows+plain.NumRows()
			if rows >= int64(r.batch) {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// pick decrypts the rows to write again, nil when there are none.
func (r *reencryption) pick(ctx context.Context, how *reading, b arrow.RecordBatch, old []bool, lo, hi int) (arrow.RecordBatch, error) {
	if !slices.Contains(old[lo:hi], true) {
		return nil, nil
	}
	part := b.NewSlice(int64(lo), int64(hi))
	defer part.Release()
	keep := make([]uint64, (hi-lo+63)/64)
	for i, yes := range old[lo:hi] {
		if yes {
			keep[i/64] |= 1 << (i % 64)
		}
	}
	kept, err := expr.Keep(ctx, part, keep, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer kept.Release()
	return how.open(ctx, kept, 0)
}

// commit writes rows again if nobody else wrote since they were read.
func (r *reencryption) commit(ctx context.Context, schema *arrow.Schema, batches []arrow.RecordBatch, rows int64) error {
	info, err := r.over.Stat(ctx, core.StatRequest{Key: r.plan.Key(), Local: true})
	if err != nil {
		return err
	}
	if info.Generation != r.generation+int64(r.report.Commits) {
		return fmt.Errorf("%w: the feature was written meanwhile; run it again", core.ErrConflict)
	}
	if _, err := r.over.Write(ctx, core.WriteRequest{Plan: r.plan, Rows: core.RowsOf(schema, batches...)}); err != nil {
		return err
	}
	r.report.Commits++
	r.report.Rewritten += rows
	if r.progress != nil {
		r.progress(r.report.Rewritten, r.total)
	}
	return nil
}
