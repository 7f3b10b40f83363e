package core

import (
	"iter"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// atomicFlag is set once.
type atomicFlag struct{ v atomic.Bool }

func (f *atomicFlag) set() bool { return f.v.CompareAndSwap(false, true) }

// rowsReader pulls from rows. The pull coroutine starts with the first Next,
// so a reader that is never read holds nothing.
type rowsReader struct {
	refs  atomic.Int64
	rows  Rows
	next  func() (arrow.RecordBatch, error, bool)
	stop  func()
	batch arrow.RecordBatch
	err   error
	done  bool
}

var _ array.RecordReader = (*rowsReader)(nil)

func newRowsReader(r Rows) *rowsReader {
	rr := &rowsReader{rows: r}
	rr.refs.Store(1)
	return rr
}

func (r *rowsReader) Schema() *arrow.Schema { return r.rows.Schema }

// Next advances; the batch is valid until the following call.
func (r *rowsReader) Next() bool {
	if r.done {
		return false
	}
	if r.next == nil {
		r.next, r.stop = iter.Pull2(r.rows.All())
	}
	b, err, ok := r.next()
	if !ok || err != nil {
		r.err = err
		r.finish()
		return false
	}
	r.batch = b
	return true
}

func (r *rowsReader) finish() {
	r.done, r.batch = true, nil
	if r.stop != nil {
		r.stop()
	}
}

func (r *rowsReader) RecordBatch() arrow.RecordBatch { return r.batch }

// Record is the older name of RecordBatch, which the interface still asks for.
func (r *rowsReader) Record() arrow.RecordBatch { return r.batch }

func (r *rowsReader) Err() error { return r.err }

func (r *rowsReader) Retain() { r.refs.Add(1) }

func (r *rowsReader) Release() {
	if r.refs.Add(-1) == 0 {
		r.finish()
	}
}
