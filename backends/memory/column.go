package memory

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// take copies some rows of an array, given in ascending order.
func take(ctx context.Context, mem arrowmem.Allocator, arr arrow.Array, rows []uint32) (arrow.Array, error) {
	at := array.NewUint32Data(array.NewData(arrow.PrimitiveTypes.Uint32, len(rows),
		[]*arrowmem.Buffer{nil, arrowmem.NewBufferBytes(arrow.Uint32Traits.CastToBytes(rows))}, nil, 0, 0))
	defer at.Release()
	out, err := compute.TakeArrayOpts(compute.WithAllocator(ctx, mem), arr, at, compute.TakeOptions{BoundsCheck: false})
	if errors.Is(err, arrow.ErrNotImplemented) {
		return takeRuns(mem, arr, rows)
	}
	return out, err
}

// takeRuns is take for the types that Arrow has no kernel for, such as string
// views: it joins the runs of adjacent rows.
func takeRuns(mem arrowmem.Allocator, arr arrow.Array, rows []uint32) (arrow.Array, error) {
	var runs arrays
	defer runs.release()
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end] == rows[end-1]+1 {
			end++
		}
		runs.add(array.NewSlice(arr, int64(rows[i]), int64(rows[end-1])+1))
		i = end
	}
	return array.Concatenate(runs, mem)
}

// systemColumn is a column of core.SystemFields, by its place there. Within a
// commit each has one value.
func systemColumn(mem arrowmem.Allocator, which int, c core.Commit, rows int) arrow.Array {
	field := core.SystemFields()[which]
	b := array.NewBuilder(mem, field.Type)
	defer b.Release()
	b.Reserve(rows)
	for range rows {
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(c.FeatureVersion)
		case *array.Int64Builder:
			b.Append(c.Seq)
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(c.Time.UnixMicro()))
		case *array.BooleanBuilder:
			b.Append(c.Tombstones)
		}
	}
	return b.NewArray()
}
