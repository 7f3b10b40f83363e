//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
)

// incrementRows is how many rows of the statement become one batch of each output.
const incrementRows = 1 << 16

// gc is where increments live.
var gc = memory.DefaultAllocator

// run executes the statement and splits its rows.
func (r *resolver) run(ctx context.Context, c *conn) (core.Increment, error) {
	out := newOutputs(r)
	defer out.close()
	reader, err := c.query(ctx, sqlplan.Resolve(dialect, r.in))
	if err != nil {
		return core.Increment{}, err
	}
	defer reader.Release()
	var a assembly
	defer a.clear()
	flush := func() error {
		if a.rows == 0 {
			return nil
		}
		err := out.split(ctx, &a)
		a.clear()
		return err
	}
	for reader.Next() {
		b := reader.RecordBatch()
		b.Retain()
		a.batches = append(a.batches, b)
		if a.rows += b.NumRows(); a.rows >= incrementRows {
			if err := flush(); err != nil {
				return core.Increment{}, err
			}
		}
	}
	if err := reader.Err(); err != nil {
		return core.Increment{}, failure(ctx, err)
	}
	if err := flush(); err != nil {
		return core.Increment{}, err
	}
	return out.finish(ctx, c)
}

// outputs are the four row sets of an increment on their way.
type outputs struct {
	r       *resolver
	schemas [4]*arrow.Schema
	sinks   [4]*sink
	counts  [4]int64
	staleBy []int64
	names   []string // of the containers
}

func newOutputs(r *resolver) *outputs {
	o := &outputs{r: r, names: r.plan.ContainerNames(), staleBy: make([]int64, len(r.plan.Containers))}
	fields := slices.Concat(r.ids, r.carry, []arrow.Field{{Name: core.ColDataVersion, Type: core.DataVersionType(o.names)}})
	o.schemas[sqlplan.New] = arrow.NewSchema(fields, nil)
	o.schemas[sqlplan.Stale] = arrow.NewSchema(append(slices.Clone(fields), arrow.Field{Name: core.ColStale, Type: arrow.ListOf(arrow.BinaryTypes.String)}), nil)
	o.schemas[sqlplan.Missing] = arrow.NewSchema(r.ids, nil)
	var ids []arrow.Field
	for _, id := range r.plan.Feature.ID {
		f := arrow.Field{Type: arrow.BinaryTypes.String}
		if at := slices.Index(r.plan.ResolveKey, id); at >= 0 {
			f = r.ids[at]
		}
		if r.held != nil {
			f = r.held.schema.Field(r.held.field(id))
		}
		f.Name, f.Nullable = id, false
		ids = append(ids, f)
	}
	o.schemas[sqlplan.Orphaned] = arrow.NewSchema(ids, nil)
	budget := &room{limit: r.s.spill, dir: r.s.temp}
	for i := range o.sinks {
		o.sinks[i] = &sink{schema: o.schemas[i], room: budget}
	}
	return o
}

func (o *outputs) close() {
	for _, s := range o.sinks {
		s.abandon()
	}
}

// split sorts rows of the statement into the outputs.
func (o *outputs) split(ctx context.Context, a *assembly) error {
	joined := make([]arrow.Array, 0, a.batches[0].NumCols())
	defer func() { releaseAll(joined) }()
	for i := range int(a.batches[0].NumCols()) {
		parts := make([]arrow.Array, len(a.batches))
		for b, batch := range a.batches {
			parts[b] = batch.Column(i)
		}
		arr, err := array.Concatenate(parts, gc)
		if err != nil {
			return fmt.Errorf("%w: %w", core.ErrUnsupported, err)
		}
		joined = append(joined, arr)
	}
	status, ok := joined[0].(*array.Int8)
	if !ok {
		return mismatch(joined[0], arrow.PrimitiveTypes.Int8)
	}
	var rows [4][]int64
	for i, s := range status.Int8Values() {
		rows[s] = append(rows[s], int64(i))
	}
	for which, some := range rows {
		if len(some) == 0 || which == sqlplan.Orphaned && o.r.plan.Expands() {
			o.counts[which] += int64(len(some))
			continue
		}
		if err := o.add(ctx, which, joined, some); err != nil {
			return err
		}
	}
	return nil
}

// add makes a batch of some rows, or two when a dictionary has too many values.
func (o *outputs) add(ctx context.Context, which int, joined []arrow.Array, rows []int64) error {
	batch, err := o.batch(ctx, which, joined, rows)
	if err == errTooMany && len(rows) > 1 {
		if err := o.add(ctx, which, joined, rows[:len(rows)/2]); err != nil {
			return err
		}
		return o.add(ctx, which, joined, rows[len(rows)/2:])
	}
	if err != nil {
		return err
	}
	o.counts[which] += int64(len(rows))
	return o.sinks[which].add(batch)
}

func (o *outputs) batch(ctx context.Context, which int, joined []arrow.Array, rows []int64) (arrow.RecordBatch, error) {
	pick := func(i int) (arrow.Array, error) {
		if len(rows) == joined[i].Len() {
			joined[i].Retain()
			return joined[i], nil
		}
		at := array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, len(rows),
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(rows))}, nil, 0, 0))
		defer at.Release()
		return compute.TakeArrayOpts(compute.WithAllocator(ctx, gc), joined[i], at, compute.TakeOptions{})
	}
	columns := make([]arrow.Array, 0, len(joined))
	take := func(i int, t arrow.DataType) error {
		arr, err := pick(i)
		if err != nil {
			return err
		}
		defer arr.Release()
		if t != nil {
			if arr, err = (outbound{gc}).convert(arr, t); err != nil {
				return err
			}
			defer arr.Release()
		}
		arr.Retain()
		columns = append(columns, arr)
		return nil
	}
	defer func() { releaseAll(columns) }()
	k, c, n := len(o.r.ids), len(o.r.carry), len(o.names)
	if which == sqlplan.Orphaned {
		// Without expansion the resolve key is all id columns, in their order.
		for i, f := range o.schemas[which].Fields() {
			if err := take(1+i, f.Type); err != nil {
				return nil, err
			}
		}
		return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
	}
	for i, f := range o.r.ids {
		if err := take(1+i, f.Type); err != nil {
			return nil, err
		}
	}
	if which == sqlplan.Missing {
		return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
	}
	for i, f := range o.r.carry {
		if err := take(1+k+i, f.Type); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if err := take(1+k+c+i, arrow.BinaryTypes.String); err != nil {
			return nil, err
		}
	}
	versions := slices.Clone(columns[k+c:])
	columns = append(columns[:k+c], makeStruct(core.DataVersionType(o.names), len(rows), nil, 0, versions))
	releaseAll(versions)
	if which == sqlplan.Stale {
		differ := make([]*array.Boolean, n)
		for i := range n {
			arr, ok := joined[1+k+c+n+i].(*array.Boolean)
			if !ok {
				return nil, mismatch(joined[1+k+c+n+i], arrow.FixedWidthTypes.Boolean)
			}
			differ[i] = arr
		}
		columns = append(columns, o.stale(differ, rows))
	}
	return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
}

// stale lists for each row the containers that differ, and counts them.
func (o *outputs) stale(differ []*array.Boolean, rows []int64) arrow.Array {
	b := array.NewListBuilder(gc, arrow.BinaryTypes.String)
	defer b.Release()
	names := b.ValueBuilder().(*array.StringBuilder)
	for _, row := range rows {
		b.Append(true)
		for i, d := range differ {
			if d.Value(int(row)) {
				names.Append(o.names[i])
				o.staleBy[i]++
			}
		}
	}
	return b.NewArray()
}

// finish counts what the statement left out and gives the increment.
func (o *outputs) finish(ctx context.Context, c *conn) (core.Increment, error) {
	r := o.r
	var unchanged int64
	if r.held != nil {
		groups := r.held.live
		if r.req.Filter != nil || r.plan.Expands() {
			var err error
			if groups, err = o.countHeld(ctx, c); err != nil {
				return core.Increment{}, err
			}
		}
		unchanged = groups - o.counts[sqlplan.Orphaned] - o.counts[sqlplan.Stale]
		if r.plan.Expands() && o.counts[sqlplan.Orphaned] > 0 {
			if err := o.children(ctx, c); err != nil {
				return core.Increment{}, err
			}
		}
	}
	inc := core.Increment{Basis: r.basis, Stats: core.Stats{
		New: o.counts[sqlplan.New], Stale: o.counts[sqlplan.Stale], Orphaned: o.counts[sqlplan.Orphaned], Missing: o.counts[sqlplan.Missing],
		Unchanged: unchanged, StaleBy: map[string]int64{},
	}}
	for i, n := range o.staleBy {
		if n > 0 {
			inc.Stats.StaleBy[o.names[i]] = n
		}
	}
	for i, to := range map[int]*core.Rows{sqlplan.New: &inc.New, sqlplan.Stale: &inc.Stale, sqlplan.Orphaned: &inc.Orphaned, sqlplan.Missing: &inc.Missing} {
		*to = o.sinks[i].rows()
	}
	return inc, nil
}

// countHeld counts what is held, or the parents of it.
func (o *outputs) countHeld(ctx context.Context, c *conn) (int64, error) {
	h := o.r.in.Held
	sql := "SELECT count(*) FROM " + h.From + sqlplan.Where(h.Where)
	if o.r.plan.Expands() {
		sql = "SELECT count(*) FROM (SELECT 1 FROM " + h.From + sqlplan.Where(h.Where) + " GROUP BY " + strings.Join(h.Keys, ", ") + ")"
	}
	rows, err := c.rows(ctx, sql)
	if err != nil {
		return 0, err
	}
	var n int64
	err = scan(rows[0], &n)
	return n, err
}

// children replaces the parents among the orphans by what is held of them.
func (o *outputs) children(ctx context.Context, c *conn) error {
	fields := o.schemas[sqlplan.Orphaned].Fields()
	st := &statement{}
	for _, f := range fields {
		st.types = append(st.types, f.Type)
	}
	reader, err := c.query(ctx, sqlplan.Orphans(dialect, o.r.in, o.r.held.idColumns()))
	if err != nil {
		return err
	}
	defer reader.Release()
	o.counts[sqlplan.Orphaned] = 0
	var a assembly
	defer a.clear()
	flush := func() error {
		if a.rows == 0 {
			return nil
		}
		_, err := a.deliver(ctx, gc, o.schemas[sqlplan.Orphaned], st, func(b arrow.RecordBatch) bool {
			b.Retain()
			o.counts[sqlplan.Orphaned] += b.NumRows()
			err = o.sinks[sqlplan.Orphaned].add(b)
			return err == nil
		})
		a.clear()
		return err
	}
	for reader.Next() {
		b := reader.RecordBatch()
		b.Retain()
		a.batches = append(a.batches, b)
		if a.rows += b.NumRows(); a.rows >= incrementRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := reader.Err(); err != nil {
		return failure(ctx, err)
	}
	return flush()
}
