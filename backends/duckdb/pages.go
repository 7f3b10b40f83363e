//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
)

// The driver hands over a result only when all of it is in memory, so a read is cut into ranges of row ids. A range begins with a row group
// of DuckDB's, grows while little comes out of it (a selective filter over a large table is then a few queries), and shrinks at once when
// much does.
const (
	groupRows  = 122880   // of a row group
	batchRows  = 1 << 16  // rows of a batch that is delivered
	batchBytes = 64 << 20 // and about how many bytes at most
	pageBytes  = 64 << 20 // of a range's rows, about
	pageGrowth = 16       // how much larger than that a range can be when little came out of it
)

// pages runs the statement range by range and hands on what comes in good sizes.
func (st *statement) pages(ctx context.Context, c *conn, deliver func(*assembly) (bool, error)) error {
	want := max(groupRows, pageBytes/st.width/groupRows*groupRows)
	perBatch := max(1, min(batchRows, batchBytes/st.width))
	step := int64(groupRows)
	var a assembly
	defer a.clear()
	for from := int64(0); from < st.rows; {
		to := min(from+step, st.rows)
		sql := st.sql + " WHERE " + conjunction(fmt.Sprintf("t.rowid >= %d AND t.rowid < %d", from, to), st.where)
		got, more, err := st.page(ctx, c, sql, perBatch, &a, deliver)
		if err != nil || !more {
			return err
		}
		switch from = to; {
		case got < want/4:
			step = min(step*2, want*pageGrowth)
		case got > want:
			step = max(groupRows, step/2)
		}
	}
	if a.rows == 0 {
		return nil
	}
	_, err := deliver(&a)
	return err
}

// page runs one statement. Whichever way the consumer leaves, by a panic too, the result is released: DuckDB would otherwise keep the file.
func (st *statement) page(ctx context.Context, c *conn, sql string, perBatch int64, a *assembly, deliver func(*assembly) (bool, error)) (got int64, more bool, err error) {
	r, err := c.query(ctx, sql)
	if err != nil {
		return 0, false, err
	}
	defer r.Release()
	for r.Next() {
		b := r.RecordBatch()
		got += b.NumRows()
		b.Retain()
		a.batches = append(a.batches, b)
		if a.rows += b.NumRows(); a.rows < perBatch {
			continue
		}
		more, err := deliver(a)
		a.clear()
		if err != nil || !more {
			return got, false, err
		}
	}
	if err := r.Err(); err != nil {
		return got, false, failure(ctx, err)
	}
	return got, true, nil
}
