//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// assembly is a run of the database's small batches, to become one of the reader's.
type assembly struct {
	batches []arrow.RecordBatch
	rows    int64
}

func (a *assembly) clear() {
	core.ReleaseAll(a.batches)
	a.batches, a.rows = nil, 0
}

// deliver converts the rows and hands them on, in halves when a dictionary has too many values.
func (a *assembly) deliver(ctx context.Context, mem memory.Allocator, schema *arrow.Schema, st *statement, to func(arrow.RecordBatch) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	batch, err := a.convert(ctx, mem, schema, st)
	if errors.Is(err, errTooMany) && a.rows > 1 {
		for _, half := range a.halves() {
			more, err := half.deliver(ctx, mem, schema, st, to)
			half.clear()
			if err != nil || !more {
				return more, err
			}
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer batch.Release()
	return batch.NumRows() == 0 || to(batch), nil
}

func (a *assembly) halves() []*assembly {
	if n := len(a.batches); n > 1 {
		out := []*assembly{{batches: slices.Clone(a.batches[:n/2])}, {batches: slices.Clone(a.batches[n/2:])}}
		for _, h := range out {
			for _, b := range h.batches {
				b.Retain()
				h.rows += b.NumRows()
			}
		}
		return out
	}
	mid := a.rows / 2
	return []*assembly{
		{batches: []arrow.RecordBatch{a.batches[0].NewSlice(0, mid)}, rows: mid},
		{batches: []arrow.RecordBatch{a.batches[0].NewSlice(mid, a.rows)}, rows: a.rows - mid},
	}
}

// convert makes one batch in memory of ours, of the types that were written, and applies what filter is left.
func (a *assembly) convert(ctx context.Context, mem memory.Allocator, schema *arrow.Schema, st *statement) (arrow.RecordBatch, error) {
	joined := make([]arrow.Array, 0, len(st.types)+1)
	defer func() { releaseAll(joined) }()
	want := len(st.types)
	if st.zeros != nil {
		want++
	}
	for i := range want {
		col, err := joinColumn(mem, a.batches, i)
		if err != nil {
			return nil, err
		}
		joined = append(joined, col)
	}
	if st.zeros != nil {
		if zeros, ok := joined[want-1].(*array.Binary); ok {
			restoreZeros(zeros, joined[:want-1], st.zeros)
		}
	}
	columns := make([]arrow.Array, 0, len(st.types))
	defer func() { releaseAll(columns) }()
	for i, t := range st.types {
		col, err := outbound{mem}.convert(joined[i], t)
		if err != nil {
			return nil, err
		}
		columns = append(columns, col)
	}
	if st.residual == nil {
		return array.NewRecordBatch(schema, columns, a.rows), nil
	}
	fields := slices.Clone(schema.Fields())
	for i := st.visible; i < len(st.types); i++ {
		fields = append(fields, arrow.Field{Name: st.names[i], Type: st.types[i], Nullable: true})
	}
	all := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, a.rows)
	defer all.Release()
	kept, err := st.residual.Filter(ctx, all, mem)
	if err != nil {
		return nil, err
	}
	defer kept.Release()
	return array.NewRecordBatch(schema, kept.Columns()[:st.visible], kept.NumRows()), nil
}

// joinColumn concatenates one column.
func joinColumn(mem memory.Allocator, batches []arrow.RecordBatch, i int) (arrow.Array, error) {
	parts := make([]arrow.Array, len(batches))
	for b, batch := range batches {
		parts[b] = batch.Column(i)
	}
	joined, err := array.Concatenate(parts, mem)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrUnsupported, err)
	}
	return joined, nil
}
