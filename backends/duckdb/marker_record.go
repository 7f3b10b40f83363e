//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// outstanding collects the resolve keys of a statement's rows, as they come from DuckDB, until there are too many.
type outstanding struct {
	most    int64 // 0: none are wanted
	rows    int64
	batches []arrow.RecordBatch
}

// wanted says how many samples may be outstanding when a marker is made of this resolve, 0 when none is to be made: the answer is part of
// one, nothing may be written, or the last marker serves as well.
func (r *resolver) wanted() int64 {
	marking, total := r.s.marking, r.total()
	switch {
	case r.s.readOnly || r.req.Filter != nil || r.held == nil || total < marking.least:
		return 0
	case r.quick != nil && r.quick.added() <= total/marking.refresh:
		return 0
	}
	return min(marking.most, max(total/marking.mark, 1))
}

// add takes the columns of a resolve statement.
func (o *outstanding) add(r *resolver, columns []arrow.Array) {
	if o.most == 0 {
		return
	}
	if o.rows += int64(columns[0].Len()); o.rows > o.most {
		o.clear()
		return
	}
	keys := columns[1 : 1+len(r.plan.ResolveKey)]
	fields := make([]arrow.Field, len(keys))
	for i, k := range keys {
		fields[i] = arrow.Field{Name: candidate(i), Type: k.DataType(), Nullable: true}
	}
	o.batches = append(o.batches, array.NewRecordBatch(arrow.NewSchema(fields, nil), keys, int64(columns[0].Len())))
}

// clear gives up.
func (o *outstanding) clear() {
	core.ReleaseAll(o.batches)
	o.most, o.batches = 0, nil
}

// mark records what the resolve found, in a transaction of its own. That it cannot is no failure of the resolve: another resolve was
// faster, the disk is full, the caller has lost patience.
func (r *resolver) mark(ctx context.Context, c *conn, found *outstanding) {
	if found.most == 0 || c.rollback() != nil {
		return
	}
	if r.record(ctx, c, found) == nil {
		r.s.paths.marks.Add(1)
	}
	// What is left of a transaction is undone when the connection goes back.
}

func (r *resolver) record(ctx context.Context, c *conn, found *outstanding) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	at := r.points()
	if err := identify(ctx, c, at); err != nil {
		return err
	}
	if _, err := c.exec(ctx, markerTable); err != nil {
		return err
	}
	table := outstandingTable(r.plan.Key())
	if _, err := c.exec(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
		return err
	}
	if found.rows > 0 {
		columns := make([]string, len(r.in.Held.Keys))
		for i, k := range r.in.Held.Keys {
			columns[i] = k + " AS " + candidate(i)
		}
		if _, err := c.exec(ctx, "CREATE TABLE "+table+" AS SELECT "+strings.Join(columns, ", ")+" FROM "+r.held.table()+" WHERE FALSE"); err != nil {
			return err
		}
		if err := fill(ctx, c, table, found); err != nil {
			return err
		}
	}
	_, err := c.exec(ctx, `INSERT INTO metaxy.markers (key, plan, points, held, outstanding) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET plan = excluded.plan, points = excluded.points, held = excluded.held, outstanding = excluded.outstanding`,
		string(r.plan.Key()), planDigest(r.plan), encodeJSON(at), r.groups, found.rows)
	if err != nil {
		return err
	}
	return c.commit(ctx)
}

// fill streams the ids into their table.
func fill(ctx context.Context, c *conn, table string, found *outstanding) error {
	ctx, cancel := context.WithCancel(ctx)
	in := newInlet(ctx, found.batches[0].Schema())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		defer close(in.feed)
		for _, b := range found.batches {
			b.Retain()
			select {
			case in.feed <- b:
			case <-ctx.Done():
				b.Release()
				return
			}
		}
	}()
	defer func() {
		cancel()
		<-fed
		for b := range in.feed {
			b.Release()
		}
	}()
	n, err := c.ingest(ctx, in, table)
	if err == nil && n != found.rows {
		err = fmt.Errorf("%w: %d of %d ids were recorded", core.ErrIntegrity, n, found.rows)
	}
	return err
}
