//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// inlet is a RecordReader that is fed from another goroutine: DuckDB pulls on threads of its own.
type inlet struct {
	ctx    context.Context
	schema *arrow.Schema
	feed   chan arrow.RecordBatch
	batch  arrow.RecordBatch
}

var _ array.RecordReader = (*inlet)(nil)

func newInlet(ctx context.Context, schema *arrow.Schema) *inlet {
	return &inlet{ctx: ctx, schema: schema, feed: make(chan arrow.RecordBatch, 1)}
}

func (r *inlet) Schema() *arrow.Schema { return r.schema }

func (r *inlet) Next() bool {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
	select {
	case b, ok := <-r.feed:
		r.batch = b
		return ok
	case <-r.ctx.Done():
		return false
	}
}

func (r *inlet) RecordBatch() arrow.RecordBatch { return r.batch }

// Record is the older name of RecordBatch, which the interface still asks for.
func (r *inlet) Record() arrow.RecordBatch { return r.batch }

func (r *inlet) Err() error { return r.ctx.Err() }

func (r *inlet) Retain() {}

// Release lets go of what was not read.
func (r *inlet) Release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// ingest appends all rows of an inlet to a table and gives their number. Everything in the registered view must be inserted as it is: DuckDB
// believes that a view over a stream does projections and filters, and it does neither.
func (c *conn) ingest(ctx context.Context, in *inlet, table string) (n int64, err error) {
	// A name of its own, because other connections and other stores on this database make views too.
	view := fmt.Sprintf("metaxy_rows_%p", in)
	release, err := c.arrow.RegisterView(in, view)
	if err != nil {
		return 0, translate(err)
	}
	defer func() {
		if err != nil {
			// An interrupted statement may go on existing, and with it its hold on the stream, until the connection is given another one.
			_, _ = c.exec(context.Background(), "SELECT 1")
		}
		release()
	}()
	if n, err = c.exec(ctx, "INSERT INTO "+table+" SELECT * FROM "+view); err != nil {
		return 0, err
	}
	// The driver makes a view that would outlive the transaction.
	_, err = c.exec(ctx, "DROP VIEW "+view)
	return n, err
}
