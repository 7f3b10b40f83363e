package core

import (
	"errors"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Rows is a schema and a sequence of batches that match it.
//
// A batch is valid until the loop body returns; Retain keeps it longer. An
// error ends the sequence. Ranging acquires resources and leaving the loop, on
// any path, releases them; a Rows never ranged over holds nothing. Unless
// Replayable, a second range yields an error.
type Rows struct {
	Schema     *arrow.Schema
	Batches    iter.Seq2[arrow.RecordBatch, error]
	Replayable bool   // Batches may be ranged over again from the start
	Origin     string // of a Read: the fallback leg that answered, as in Info; "" when it was this store
}

// errRanged is what a second range over single-use rows yields.
var errRanged = invalidf("these rows were already read and cannot be read again")

// RowsOf makes replayable rows of batches that the caller keeps. The batches
// are not retained: they must live as long as the rows are used.
func RowsOf(schema *arrow.Schema, batches ...arrow.RecordBatch) Rows {
	return Rows{
		Schema:     schema,
		Replayable: true,
		Batches: func(yield func(arrow.RecordBatch, error) bool) {
			for _, b := range batches {
				if !yield(b, nil) {
					return
				}
			}
		},
	}
}

// RowsFrom makes single-use rows of a source that is opened when the loop
// begins and released when it ends, whichever way it ends. Unlike
// array.IterFromReader nothing leaks when the rows are never ranged over, and
// nothing is released twice when they are ranged over again.
func RowsFrom(schema *arrow.Schema, open func() (array.RecordReader, error)) Rows {
	return Rows{Schema: schema, Batches: Once(func(yield func(arrow.RecordBatch, error) bool) {
		r, err := open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Release()
		for r.Next() {
			if !yield(r.RecordBatch(), nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(nil, err)
		}
	})}
}

// Once guards a sequence against a second range, which then yields an error
// that matches ErrInvalid.
func Once(seq iter.Seq2[arrow.RecordBatch, error]) iter.Seq2[arrow.RecordBatch, error] {
	var used atomicFlag
	return func(yield func(arrow.RecordBatch, error) bool) {
		if !used.set() {
			yield(nil, errRanged)
			return
		}
		seq(yield)
	}
}

// Reader presents rows as an array.RecordReader for code that wants one.
// Release ends the loop over the rows and must be called.
func (r Rows) Reader() array.RecordReader { return newRowsReader(r) }

// Collect reads all rows and retains their batches; the caller releases them.
// On error nothing is retained.
func (r Rows) Collect() ([]arrow.RecordBatch, error) {
	var out []arrow.RecordBatch
	for b, err := range r.All() {
		if err != nil {
			ReleaseAll(out)
			return nil, err
		}
		b.Retain()
		out = append(out, b)
	}
	return out, nil
}

// All is Batches, or an empty sequence for the zero Rows.
func (r Rows) All() iter.Seq2[arrow.RecordBatch, error] {
	if r.Batches == nil {
		return func(func(arrow.RecordBatch, error) bool) {}
	}
	return r.Batches
}

// Count reads all rows and counts them.
func (r Rows) Count() (int64, error) {
	var n int64
	for b, err := range r.All() {
		if err != nil {
			return n, err
		}
		n += b.NumRows()
	}
	return n, nil
}

// ReleaseAll releases every batch.
func ReleaseAll(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// errNoSchema is the complaint about rows without a schema.
var errNoSchema = errors.New("rows have no schema")
