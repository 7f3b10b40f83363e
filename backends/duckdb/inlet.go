//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"

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
