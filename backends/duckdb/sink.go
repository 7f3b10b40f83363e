//go:build cgo && duckdb_arrow

package duckdb

import (
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/core"
)

// sink collects one row set of an increment: in memory, and beyond the room that all sets share in a file that has no name any more.
type sink struct {
	schema  *arrow.Schema
	room    *room
	batches []arrow.RecordBatch
	file    *spilled
}

// room is the memory that the sinks of one increment share.
type room struct {
	limit, used int64
	dir         string
}

// spilled is an Arrow IPC file. The operating system frees it when the last reader has let go of it.
type spilled struct {
	f *os.File
	w *ipc.FileWriter
}

// add takes the batch over.
func (s *sink) add(b arrow.RecordBatch) error {
	size := int64(0)
	for _, c := range b.Columns() {
		size += sizeOf(c)
	}
	if s.file == nil && s.room.used+size <= s.room.limit {
		s.room.used += size
		s.batches = append(s.batches, b)
		return nil
	}
	defer b.Release()
	if s.file == nil {
		var err error
		if s.file, err = newSpilled(s.room.dir, s.schema); err != nil {
			return err
		}
	}
	if err := s.file.w.Write(b); err != nil {
		return spillError(err)
	}
	return nil
}

func newSpilled(dir string, schema *arrow.Schema) (*spilled, error) {
	f, err := os.CreateTemp(dir, "metaxy-increment-*.arrow")
	if err != nil {
		return nil, spillError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, spillError(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true))
	if err != nil {
		return nil, spillError(err)
	}
	return &spilled{f: f, w: w}, nil
}

func spillError(err error) error {
	return fmt.Errorf("%w: spilling an increment: %w", core.ErrUnavailable, err)
}

// rows gives what was collected. The garbage collector closes the file.
func (s *sink) rows() core.Rows {
	batches, file := s.batches, s.file
	s.batches, s.file = nil, nil
	if file == nil {
		return core.RowsOf(s.schema, batches...)
	}
	closed := file.w.Close()
	return core.Rows{Schema: s.schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for _, b := range batches {
			if !yield(b, nil) {
				return
			}
		}
		if closed != nil {
			yield(nil, spillError(closed))
			return
		}
		info, err := file.f.Stat()
		if err != nil {
			yield(nil, spillError(err))
			return
		}
		r, err := ipc.NewFileReader(io.NewSectionReader(file.f, 0, info.Size()))
		if err != nil {
			yield(nil, spillError(err))
			return
		}
		defer r.Close()
		for i := range r.NumRecords() {
			b, err := r.RecordBatchAt(i)
			if err != nil {
				yield(nil, spillError(err))
				return
			}
			more := yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}}
}

// abandon lets go of what nobody asked for.
func (s *sink) abandon() {
	core.ReleaseAll(s.batches)
	if s.file != nil {
		_ = s.file.f.Close()
	}
	s.batches, s.file = nil, nil
}
