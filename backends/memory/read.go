package memory

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Read fixes the state that its rows show. They can be ranged over again and
// again, by several goroutines at once, and always show that state. A chunk
// whose rows all match is handed out as it is, without a copy.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.read(ctx, req)
	return rows, wrap(core.OpRead, req.Key, err)
}

func (s *store) read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Rows{}, err
	}
	st, err := s.state(req.Key)
	if err != nil {
		return core.Rows{}, err
	}
	q, err := newQuery(st, req, s.mem)
	if err != nil {
		return core.Rows{}, err
	}
	return core.Rows{
		Schema:     q.out,
		Replayable: true,
		Batches: func(yield func(arrow.RecordBatch, error) bool) {
			if err := s.enter(); err != nil {
				yield(nil, wrap(core.OpRead, req.Key, err))
				return
			}
			defer s.leave()
			q.run(ctx, yield)
		},
	}, nil
}

// query is a read bound to a state. It is not changed once made.
type query struct {
	st      *state
	mem     arrowmem.Allocator
	asOf    int64 // the commit after which the state is shown
	history bool

	out     *arrow.Schema
	columns []int // of out: in the feature's schema, or a system column: -1, -2, …

	filter        *expr.Bound // nil: every row
	filterSchema  *arrow.Schema
	filterColumns []int
}

func newQuery(st *state, req core.ReadRequest, mem arrowmem.Allocator) (*query, error) {
	plan, err := req.Bind(st.info)
	if err != nil {
		return nil, err
	}
	q := &query{st: st, mem: mem, asOf: st.commitAt(req.AsOf), history: req.History, out: plan.Schema}
	q.columns = q.locate(plan.Schema)
	if req.Filter == nil {
		return q, nil
	}
	fields := []arrow.Field{}
	names := expr.Columns(req.Filter)
	for _, f := range plan.All.Fields() {
		if slices.Contains(names, f.Name) {
			fields = append(fields, f)
		}
	}
	q.filterSchema = arrow.NewSchema(fields, nil)
	q.filterColumns = q.locate(q.filterSchema)
	if q.filter, err = expr.Bind(req.Filter, q.filterSchema); err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
	}
	return q, nil
}

// commitAt is the last commit at a moment, 0 before the first.
func (st *state) commitAt(a core.AsOf) int64 {
	switch {
	case a.Seq != 0:
		return a.Seq
	case !a.Time.IsZero():
		return int64(sort.Search(len(st.log), func(i int) bool { return st.log[i].Time.After(a.Time) }))
	}
	return st.info.Generation
}

// locate finds columns that Bind has seen to exist.
func (q *query) locate(s *arrow.Schema) []int {
	at := make([]int, s.NumFields())
	for i, f := range s.Fields() {
		if in := q.st.info.Schema.FieldIndices(f.Name); len(in) > 0 {
			at[i] = in[0]
			continue
		}
		at[i] = -1 - slices.IndexFunc(core.SystemFields(), func(sys arrow.Field) bool { return sys.Name == f.Name })
	}
	return at
}

func (q *query) run(ctx context.Context, yield func(arrow.RecordBatch, error) bool) {
	for _, c := range q.st.chunks {
		if c.commit.Seq > q.asOf {
			return
		}
		if c.commit.Tombstones && !q.history {
			continue
		}
		batch, err := q.batch(ctx, c)
		if err != nil {
			yield(nil, wrap(core.OpRead, q.st.info.Key, err))
			return
		}
		if batch != nil && !deliver(batch, yield) {
			return
		}
	}
}

// deliver releases the batch even when the loop body panics.
func deliver(batch arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	defer batch.Release()
	return yield(batch, nil)
}

// batch gives the rows of a chunk that match, nil when none does.
func (q *query) batch(ctx context.Context, c *chunk) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, all, err := q.matching(c)
	if err != nil || !all && len(rows) == 0 {
		return nil, err
	}
	n := c.rows
	if !all {
		n = len(rows)
	}
	columns := make(arrays, 0, len(q.columns))
	defer columns.release()
	for _, at := range q.columns {
		switch {
		case at < 0:
			columns.add(systemColumn(q.mem, -1-at, c.commit, n))
		case all:
			c.columns[at].Retain()
			columns.add(c.columns[at])
		default:
			arr, err := take(ctx, q.mem, c.columns[at], rows)
			if err != nil {
				return nil, err
			}
			columns.add(arr)
		}
	}
	return array.NewRecordBatch(q.out, columns, int64(n)), nil
}

// matching lists the rows of a chunk that are part of the state and pass the
// filter, or says that all are.
func (q *query) matching(c *chunk) (rows []uint32, all bool, err error) {
	whole := q.history || c.life.whole(q.asOf)
	if q.filter == nil {
		if whole {
			return nil, true, nil
		}
		for row := range c.rows {
			if c.life.alive(row, q.asOf) {
				rows = append(rows, uint32(row))
			}
		}
		return rows, false, nil
	}
	columns := make(arrays, 0, len(q.filterColumns))
	defer columns.release()
	for _, at := range q.filterColumns {
		if at < 0 {
			columns.add(systemColumn(q.mem, -1-at, c.commit, c.rows))
			continue
		}
		c.columns[at].Retain()
		columns.add(c.columns[at])
	}
	batch := array.NewRecordBatch(q.filterSchema, columns, int64(c.rows))
	defer batch.Release()
	pass, err := q.filter.Eval(batch, q.mem)
	if err != nil {
		return nil, false, err
	}
	defer pass.Release()
	for row := range c.rows {
		if pass.IsValid(row) && pass.Value(row) && (whole || c.life.alive(row, q.asOf)) {
			rows = append(rows, uint32(row))
		}
	}
	return rows, len(rows) == c.rows, nil
}
