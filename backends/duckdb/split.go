//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
)

// split sorts rows of the statement into the outputs.
func (o *outputs) split(ctx context.Context, a *assembly) error {
	joined := make([]arrow.Array, 0, a.batches[0].NumCols())
	defer func() { releaseAll(joined) }()
	for i := range int(a.batches[0].NumCols()) {
		parts := make([]arrow.Array, len(a.batches))
		for b, batch := range a.batches {
			parts[b] = batch.Column(i)
		}
		arr, err := array.Concatenate(parts, gc)
		if err != nil {
			return fmt.Errorf("%w: %w", core.ErrUnsupported, err)
		}
		joined = append(joined, arr)
	}
	status, ok := joined[0].(*array.Int8)
	if !ok {
		return mismatch(joined[0], arrow.PrimitiveTypes.Int8)
	}
	o.found.add(o.r, joined)
	var rows [4][]int64
	for i, s := range status.Int8Values() {
		rows[s] = append(rows[s], int64(i))
	}
	for which, some := range rows {
		if len(some) == 0 || which == sqlplan.Orphaned && o.r.plan.Expands() {
			o.counts[which] += int64(len(some))
			continue
		}
		if err := o.add(ctx, which, joined, some); err != nil {
			return err
		}
	}
	return nil
}

// add makes a batch of some rows, or two when a dictionary has too many values.
func (o *outputs) add(ctx context.Context, which int, joined []arrow.Array, rows []int64) error {
	batch, err := o.batch(ctx, which, joined, rows)
	if errors.Is(err, errTooMany) && len(rows) > 1 {
		if err := o.add(ctx, which, joined, rows[:len(rows)/2]); err != nil {
			return err
		}
		return o.add(ctx, which, joined, rows[len(rows)/2:])
	}
	if err != nil {
		return err
	}
	o.counts[which] += int64(len(rows))
	return o.sinks[which].add(batch)
}

func (o *outputs) batch(ctx context.Context, which int, joined []arrow.Array, rows []int64) (arrow.RecordBatch, error) {
	pick := func(i int) (arrow.Array, error) {
		if len(rows) == joined[i].Len() {
			joined[i].Retain()
			return joined[i], nil
		}
		at := array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, len(rows),
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(rows))}, nil, 0, 0))
		defer at.Release()
		return compute.TakeArrayOpts(compute.WithAllocator(ctx, gc), joined[i], at, compute.TakeOptions{})
	}
	columns := make([]arrow.Array, 0, len(joined))
	take := func(i int, t arrow.DataType) error {
		arr, err := pick(i)
		if err != nil {
			return err
		}
		defer arr.Release()
		if t != nil {
			if arr, err = (outbound{gc}).convert(arr, t); err != nil {
				return err
			}
			defer arr.Release()
		}
		arr.Retain()
		columns = append(columns, arr)
		return nil
	}
	defer func() { releaseAll(columns) }()
	k, c, n := len(o.r.ids), len(o.r.carry), len(o.names)
	if which == sqlplan.Orphaned {
		// Without expansion the resolve key is all id columns, in their order.
		for i, f := range o.schemas[which].Fields() {
			if err := take(1+i, f.Type); err != nil {
				return nil, err
			}
		}
		return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
	}
	for i, f := range o.r.ids {
		if err := take(1+i, f.Type); err != nil {
			return nil, err
		}
	}
	if which == sqlplan.Missing {
		return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
	}
	for i, f := range o.r.carry {
		if err := take(1+k+i, f.Type); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if err := take(1+k+c+i, arrow.BinaryTypes.String); err != nil {
			return nil, err
		}
	}
	versions := slices.Clone(columns[k+c:])
	columns = append(columns[:k+c], makeStruct(core.DataVersionType(o.names), len(rows), nil, 0, versions))
	releaseAll(versions)
	if which == sqlplan.Stale {
		differ := make([]*array.Boolean, n)
		for i := range n {
			arr, ok := joined[1+k+c+n+i].(*array.Boolean)
			if !ok {
				return nil, mismatch(joined[1+k+c+n+i], arrow.FixedWidthTypes.Boolean)
			}
			differ[i] = arr
		}
		columns = append(columns, o.stale(differ, rows))
	}
	return array.NewRecordBatch(o.schemas[which], columns, int64(len(rows))), nil
}

// stale lists for each row the containers that differ, and counts them.
func (o *outputs) stale(differ []*array.Boolean, rows []int64) arrow.Array {
	b := array.NewListBuilder(gc, arrow.BinaryTypes.String)
	defer b.Release()
	names := b.ValueBuilder().(*array.StringBuilder)
	for _, row := range rows {
		b.Append(true)
		for i, d := range differ {
			if d.Value(int(row)) {
				names.Append(o.names[i])
				o.staleBy[i]++
			}
		}
	}
	return b.NewArray()
}
