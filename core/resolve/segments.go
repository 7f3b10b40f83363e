package resolve

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/core"
)

// spill makes temporary files. They are unlinked as soon as they are open, so
// that nothing stays behind however the process ends.
type spill struct{ dir string }

func (s *spill) create(schema *arrow.Schema) (*segments, error) {
	f, err := os.CreateTemp(s.dir, "metaxy-resolve-*")
	if err != nil {
		return nil, spillError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, spillError(err)
	}
	return &segments{file: f, schema: schema}, nil
}

func spillError(err error) error {
	return fmt.Errorf("%w: a resolve beyond its memory budget needs temporary files: %w", core.ErrUnavailable, err)
}

// segments is an unlinked file of Arrow batches, each in a list of its own
// number. A segment is a complete IPC stream, so any order of lists can be
// read from the one file.
type segments struct {
	file   *os.File
	schema *arrow.Schema
	size   int64
	lists  [][]extent
	buf    bytes.Buffer
}

type extent struct{ at, size int64 }

func (s *segments) write(list int, batches ...arrow.RecordBatch) error {
	s.buf.Reset()
	w := ipc.NewWriter(&s.buf, ipc.WithSchema(s.schema), ipc.WithAllocator(mem))
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			_ = w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(s.buf.Bytes(), s.size); err != nil {
		return spillError(err)
	}
	for list >= len(s.lists) {
		s.lists = append(s.lists, nil)
	}
	s.lists[list] = append(s.lists[list], extent{s.size, int64(s.buf.Len())})
	s.size += int64(s.buf.Len())
	return nil
}

// read gives the batches of a list in the order in which they were written. It
// may be used by several goroutines at once.
func (s *segments) read(list int) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if list >= len(s.lists) {
			return
		}
		for _, e := range s.lists[list] {
			if !s.segment(e, yield) {
				return
			}
		}
	}
}

func (s *segments) segment(e extent, yield func(arrow.RecordBatch, error) bool) bool {
	// One read, into memory that the batches then point into.
	buf := make([]byte, e.size)
	if _, err := s.file.ReadAt(buf, e.at); err != nil {
		yield(nil, spillError(err))
		return false
	}
	r, err := ipc.NewReader(io.NewSectionReader(bytes.NewReader(buf), 0, e.size), ipc.WithAllocator(mem))
	if err != nil {
		yield(nil, spillError(err))
		return false
	}
	defer r.Release()
	for r.Next() {
		if !yield(r.RecordBatch(), nil) {
			return false
		}
	}
	if err := r.Err(); err != nil {
		yield(nil, spillError(err))
		return false
	}
	return true
}

func (s *segments) close() { _ = s.file.Close() }
