//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
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
	if r.quick == nil || r.quick.count > 0 {
		if err := r.collect(ctx, c, out); err != nil {
			return core.Increment{}, err
		}
	}
	inc, err := out.finish(ctx, c)
	if err == nil {
		r.mark(ctx, c, &out.found)
	}
	return inc, err
}

// collect splits the rows of the statement.
func (r *resolver) collect(ctx context.Context, c *conn, out *outputs) error {
	reader, err := c.query(ctx, sqlplan.Resolve(dialect, r.in))
	if err != nil {
		return err
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
				return err
			}
		}
	}
	if err := reader.Err(); err != nil {
		return failure(ctx, err)
	}
	return flush()
}

// outputs are the four row sets of an increment on their way.
type outputs struct {
	r       *resolver
	schemas [4]*arrow.Schema
	sinks   [4]*sink
	counts  [4]int64
	staleBy []int64
	names   []string // of the containers
	found   outstanding
}

func newOutputs(r *resolver) *outputs {
	o := &outputs{r: r, names: r.plan.ContainerNames(), staleBy: make([]int64, len(r.plan.Containers)), found: outstanding{most: r.wanted()}}
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
	o.found.clear()
}

// finish counts what the statement left out and gives the increment.
func (o *outputs) finish(ctx context.Context, c *conn) (core.Increment, error) {
	r := o.r
	var unchanged int64
	if r.held != nil {
		if err := o.countGroups(ctx, c); err != nil {
			return core.Increment{}, err
		}
		unchanged = r.groups - o.counts[sqlplan.Orphaned] - o.counts[sqlplan.Stale]
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

// countGroups counts what is held, or the parents of it.
func (o *outputs) countGroups(ctx context.Context, c *conn) error {
	r, h := o.r, o.r.in.Held
	switch {
	case r.req.Filter != nil:
	case !r.plan.Expands():
		r.groups = r.held.live
		return nil
	case r.quick != nil:
		r.groups = r.quick.held
		return nil
	}
	from := h.From
	if r.quick != nil {
		from = r.heldFrom
	}
	sql := "SELECT count(*) FROM " + from + sqlplan.Where(h.Where)
	if r.plan.Expands() {
		sql = "SELECT count(*) FROM (SELECT 1 FROM " + from + sqlplan.Where(h.Where) + " GROUP BY " + strings.Join(h.Keys, ", ") + ")"
	}
	rows, err := c.rows(ctx, sql)
	if err != nil {
		return err
	}
	return scan(rows[0], &r.groups)
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
