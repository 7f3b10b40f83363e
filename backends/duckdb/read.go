//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Read fixes the commit that its rows show. They can be ranged over again, and always show that state; each range has a connection of its
// own, and holds a few pages of rows at a time, however many there are.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.read(ctx, req)
	return rows, core.WrapError(core.OpRead, req.Key, name, err)
}

func (s *store) read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Rows{}, err
	}
	q := &query{s: s, req: req}
	err := s.with(ctx, func(c *conn) (err error) {
		if q.m, err = s.load(ctx, c, req.Key); err != nil {
			return err
		}
		if q.plan, err = req.Bind(q.m.info()); err != nil {
			return err
		}
		q.asOf, err = commitAt(ctx, c, q.m, req.AsOf)
		return err
	})
	if err != nil {
		return core.Rows{}, err
	}
	return core.Rows{
		Schema:     q.plan.Schema,
		Replayable: true,
		Batches: func(yield func(arrow.RecordBatch, error) bool) {
			stopped := false
			err := s.with(ctx, func(c *conn) error {
				return q.run(ctx, c, func(b arrow.RecordBatch) bool {
					stopped = !yield(b, nil)
					return !stopped
				})
			})
			if err != nil && !stopped {
				yield(nil, core.WrapError(core.OpRead, req.Key, name, err))
			}
		},
	}, nil
}

// commitAt is the last commit at a moment, 0 before the first.
func commitAt(ctx context.Context, c *conn, m *meta, a core.AsOf) (int64, error) {
	switch {
	case a.Seq != 0:
		return a.Seq, nil
	case a.Time.IsZero():
		return m.generation, nil
	}
	rows, err := c.rows(ctx, "SELECT coalesce(max(seq), 0)::BIGINT FROM metaxy.commits WHERE key = ? AND seq <= ? AND time <= ?::TIMESTAMP",
		string(m.key), m.generation, a.Time.UTC())
	if err != nil {
		return 0, err
	}
	var seq int64
	err = scan(rows[0], &seq)
	return seq, err
}

// query is a read bound to a state.
type query struct {
	s    *store
	req  core.ReadRequest
	m    *meta // as Read found it
	plan core.ReadPlan
	asOf int64
}

// run delivers the rows. Everything happens in one transaction, so that no migration comes between two pages.
func (q *query) run(ctx context.Context, c *conn, deliver func(arrow.RecordBatch) bool) error {
	if q.asOf == 0 {
		return nil
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	now, err := q.s.load(ctx, c, q.req.Key)
	if err != nil {
		return err
	}
	st, err := q.statement(now)
	if err != nil {
		return err
	}
	schema := q.plan.Schema
	return st.pages(ctx, c, func(b *assembly) (bool, error) {
		return b.deliver(ctx, q.s.mem, schema, st, deliver)
	})
}
