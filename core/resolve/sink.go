package resolve

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// sinkRows is how many rows the batches of an answer have where they can.
const sinkRows = 1 << 15

// sink collects one of the answer's row sets: in memory, and beyond the room
// that all sinks share in a file.
type sink struct {
	schema  *arrow.Schema
	room    *room
	batches []arrow.RecordBatch
	bytes   int64
	small   []arrow.RecordBatch // waiting to become one of sinkRows
	rows    int64               // of small
	file    *segments
	spill   *spill
}

// room is the memory that the sinks of one answer share; limit 0 is none.
type room struct{ limit, used int64 }

func (s *sink) add(b arrow.RecordBatch) error {
	if b.NumRows() >= sinkRows/2 && len(s.small) == 0 {
		return s.keep(b)
	}
	s.small = append(s.small, b)
	if s.rows += b.NumRows(); s.rows < sinkRows {
		return nil
	}
	return s.join()
}

// join makes one batch of the small ones.
func (s *sink) join() error {
	if len(s.small) == 0 {
		return nil
	}
	b, err := concat(s.schema, s.small)
	s.small, s.rows = nil, 0
	if err != nil {
		return err
	}
	return s.keep(b)
}

func concat(schema *arrow.Schema, batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	if len(batches) == 1 {
		return batches[0], nil
	}
	var rows int64
	columns := make([]arrow.Array, schema.NumFields())
	for i := range columns {
		parts := make([]arrow.Array, len(batches))
		for j, b := range batches {
			parts[j] = b.Column(i)
		}
		joined, err := array.Concatenate(parts, mem)
		if err != nil {
			return nil, err
		}
		columns[i] = joined
	}
	for _, b := range batches {
		rows += b.NumRows()
	}
	return newBatch(schema, columns, int(rows)), nil
}

func (s *sink) keep(b arrow.RecordBatch) error {
	size := batchBytes(b)
	s.batches = append(s.batches, b)
	s.bytes += size
	s.room.used += size
	if s.room.limit == 0 || s.room.used <= s.room.limit {
		return nil
	}
	return s.flush()
}

// flush moves what is in memory to the file.
func (s *sink) flush() error {
	if s.file == nil {
		f, err := s.spill.create(s.schema)
		if err != nil {
			return err
		}
		s.file = f
	}
	for _, b := range s.batches {
		if err := s.file.write(0, b); err != nil {
			return err
		}
	}
	s.room.used -= s.bytes
	s.batches, s.bytes = nil, 0
	return nil
}

// finish gives the rows; the sink is of no use afterwards.
func (s *sink) finish() (core.Rows, error) {
	if err := s.join(); err != nil {
		return core.Rows{}, err
	}
	if s.file == nil {
		return core.RowsOf(s.schema, s.batches...), nil
	}
	file, rest := s.file, s.batches
	return core.Rows{Schema: s.schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range file.read(0) {
			if !yield(b, err) || err != nil {
				return
			}
		}
		for _, b := range rest {
			if !yield(b, nil) {
				return
			}
		}
	}}, nil
}
