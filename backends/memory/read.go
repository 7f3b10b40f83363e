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
	rows, n, err := q.matching(c)
	if err != nil || n == 0 {
		return nil, err
	}
	if n == c.rows {
		return q.assemble(c.commit, c.columns, n), nil
	}
	// Only the columns that are asked for are copied.
	var fields []arrow.Field
	var columns []arrow.Array
	kept := make([]arrow.Array, len(c.columns))
	for _, at := range q.columns {
		if at >= 0 {
			fields = append(fields, q.st.info.Schema.Field(at))
			columns = append(columns, c.columns[at])
		}
	}
	whole := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(c.rows))
	defer whole.Release()
	some, err := expr.Keep(ctx, whole, rows, q.mem)
	if err != nil {
		return nil, err
	}
	defer some.Release()
	next := 0
	for _, at := range q.columns {
		if at >= 0 {
			kept[at] = some.Column(next)
			next++
		}
	}
	return q.assemble(c.commit, kept, n), nil
}

// assemble makes a batch of the columns asked for; data has the feature's.
func (q *query) assemble(commit core.Commit, data []arrow.Array, rows int) arrow.RecordBatch {
	columns := q.gather(q.columns, commit, data, rows)
	defer columns.release()
	return array.NewRecordBatch(q.out, columns, int64(rows))
}

// gather picks columns by their places; the system columns are made.
func (q *query) gather(places []int, commit core.Commit, data []arrow.Array, rows int) arrays {
	columns := make(arrays, len(places))
	for i, at := range places {
		if at < 0 {
			columns[i] = systemColumn(q.mem, -1-at, commit, rows)
			continue
		}
		data[at].Retain()
		columns[i] = data[at]
	}
	return columns
}

// matching marks the rows of a chunk that are part of the state and pass the
// filter, and counts them. When all do there are no marks.
func (q *query) matching(c *chunk) (rows []uint64, n int, err error) {
	whole := q.history || c.life.whole(q.asOf)
	if whole && q.filter == nil {
		return nil, c.rows, nil
	}
	pass := func(int) bool { return true }
	if q.filter != nil {
		columns := q.gather(q.filterColumns, c.commit, c.columns, c.rows)
		defer columns.release()
		batch := array.NewRecordBatch(q.filterSchema, columns, int64(c.rows))
		defer batch.Release()
		result, err := q.filter.Eval(batch, q.mem)
		if err != nil {
			return nil, 0, err
		}
		defer result.Release()
		pass = func(row int) bool { return result.IsValid(row) && result.Value(row) }
	}
	rows = make([]uint64, (c.rows+63)/64)
	for row := range c.rows {
		if pass(row) && (whole || c.life.alive(row, q.asOf)) {
			rows[row/64] |= 1 << (row % 64)
			n++
		}
	}
	return rows, n, nil
}
