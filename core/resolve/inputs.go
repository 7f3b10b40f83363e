package resolve

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// colRow numbers the samples that a caller brought, so that an error can name
// them after they were moved to temporary files.
const colRow = core.ReservedPrefix + "row"

// bindColumns fixes which columns of the rows the side has, and their names
// here. Columns of the key must identify.
func (sp *spec) bindColumns(from, names []string) error {
	fields := make([]arrow.Field, 0, len(from)+1)
	for i, name := range from {
		at := sp.rows.Schema.FieldIndices(name)
		if len(at) != 1 {
			return invalidf("%s: column %q occurs %d times", sp.name, name, len(at))
		}
		f := sp.rows.Schema.Field(at[0])
		f.Name = names[i]
		sp.columns = append(sp.columns, at[0])
		fields = append(fields, f)
	}
	if sp.numbered {
		fields = append(fields, arrow.Field{Name: colRow, Type: arrow.PrimitiveTypes.Int64})
	}
	sp.schema = arrow.NewSchema(fields, nil)
	for _, k := range sp.key {
		if err := ident.CheckType(sp.schema.Field(sp.schema.FieldIndices(k)[0]).Type); err != nil {
			return invalidf("%s: column %q: %w", sp.name, k, err)
		}
	}
	return nil
}

// missing reports a side whose feature holds nothing.
func (sp *spec) missing() bool { return sp.schema == nil }

// read gives the side's batches with its own columns and names.
func (sp *spec) read() batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if sp.missing() {
			return
		}
		var start int64
		for rec, err := range sp.rows.All() {
			if err == nil && sp.check != nil {
				err = sp.check(rec)
			}
			var b arrow.RecordBatch
			if err == nil {
				b, err = sp.project(rec, start)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			start += rec.NumRows()
			more := b.NumRows() == 0 || yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

func (sp *spec) project(rec arrow.RecordBatch, start int64) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, len(sp.columns)+1)
	for i, at := range sp.columns {
		if at >= int(rec.NumCols()) || !arrow.TypeEqual(rec.Column(at).DataType(), sp.schema.Field(i).Type) {
			return nil, invalidf("%s: a batch does not have the columns that the rows promised", sp.name)
		}
		columns = append(columns, rec.Column(at))
	}
	if sp.numbered {
		b := array.NewInt64Builder(mem)
		defer b.Release()
		b.Reserve(int(rec.NumRows()))
		for i := range rec.NumRows() {
			b.UnsafeAppend(start + i)
		}
		numbers := b.NewArray()
		defer numbers.Release()
		columns = append(columns, numbers)
	}
	return array.NewRecordBatch(sp.schema, columns, rec.NumRows()), nil
}

// sampleNumber gives the number, counted from 0, that a row had with the
// caller.
func (s *side) sampleNumber(r ref) int64 {
	rec := s.blocks[r.block()].rec
	return rec.Column(s.schema.FieldIndices(colRow)[0]).(*array.Int64).Value(r.row())
}

// loadShared reads the sides that lack the partition columns: they stay in
// memory and every part meets them.
func (e *engine) loadShared(ctx context.Context, inputs []batches) ([]*side, error) {
	shared := make([]*side, len(e.specs))
	release := func() {
		for _, s := range shared {
			if s != nil {
				s.release()
			}
		}
	}
	for i, sp := range e.specs {
		if sp.missing() || len(e.part) == 0 || hasAll(sp.key, e.part) {
			continue
		}
		shared[i] = newSide(sp)
		for rec, err := range inputs[i] {
			if err == nil {
				err = ctx.Err()
			}
			var b *block
			if err == nil {
				b, err = sp.newBlock(rec, shared[i].count())
			}
			if err != nil {
				release()
				return nil, err
			}
			b.hash = make([]uint64, b.rows())
			b.keys.Hash(b.hash, 0)
			shared[i].add(b)
		}
		if err := e.prepare(ctx, shared[i]); err != nil {
			release()
			return nil, err
		}
	}
	return shared, nil
}

// setPart chooses the columns that partitions go by: those that all sides
// share, or as many sides as possible when there are none.
func (e *engine) setPart(resolveKey []string) {
	part := resolveKey
	for _, sp := range e.specs {
		var both []string
		for _, c := range part {
			for _, k := range sp.key {
				if k == c {
					both = append(both, c)
				}
			}
		}
		if len(both) > 0 {
			part = both
		}
	}
	e.part = part
}

func hasAll(all, some []string) bool {
	for _, s := range some {
		found := false
		for _, a := range all {
			found = found || a == s
		}
		if !found {
			return false
		}
	}
	return true
}
