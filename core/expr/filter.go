package expr

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Filter returns the rows of a batch for which the expression is true, with all its columns. The caller releases the result, which is the
// batch itself, retained, when all rows pass.
func (b *Bound) Filter(ctx context.Context, batch arrow.RecordBatch, mem memory.Allocator) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	m, n, err := b.run(batch)
	if err != nil {
		return nil, err
	}
	switch passing := count(m.yes, n); passing {
	case n:
		batch.Retain()
		return batch, nil
	case 0:
		return batch.NewSlice(0, 0), nil
	default:
		return take(ctx, batch, mask{yes: m.yes}, n, passing, mem)
	}
}

// take copies the rows of a batch whose bit is set.
func take(ctx context.Context, batch arrow.RecordBatch, m mask, n, passing int, mem memory.Allocator) (arrow.RecordBatch, error) {
	// A kernel whose context ends while it runs leaks what it has made so far.
	ctx = compute.WithAllocator(context.WithoutCancel(ctx), mem)
	selected := boolean(m, n, mem)
	defer selected.Release()
	var rows *rowList // made for the first column that needs it
	columns := make([]arrow.Array, 0, batch.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, col := range batch.Columns() {
		var out arrow.Array
		var err error
		if hasKernel(col.DataType()) {
			out, err = compute.FilterArray(ctx, col, selected, *compute.DefaultFilterOptions())
		} else {
			if rows == nil {
				rows = newRowList(m.yes, n, passing, mem)
				defer rows.release()
			}
			out, err = gather(ctx, col, rows, mem)
		}
		if err != nil {
			if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
				err = cause
			}
			return nil, fmt.Errorf("filter: column %q: %w", batch.ColumnName(i), err)
		}
		columns = append(columns, out)
	}
	return array.NewRecordBatch(batch.Schema(), columns, int64(passing)), nil
}

// hasKernel reports whether Arrow's filter kernel handles a type, whatever is nested in it. It is a list of what is known to work: of
// arrow-go 18.8 there is no kernel for maps, views, small decimals and some more, and the one for booleans writes every value to the
// first place, so that it must not be used at all.
func hasKernel(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.NullType, *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type,
		*arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type, *arrow.Decimal128Type, *arrow.Decimal256Type,
		*arrow.Date32Type, *arrow.Date64Type, *arrow.Time32Type, *arrow.Time64Type, *arrow.TimestampType, *arrow.DurationType,
		*arrow.StringType, *arrow.LargeStringType, *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.FixedSizeBinaryType,
		*arrow.DictionaryType: // of a dictionary only the indices move
		return true
	case *arrow.StructType, *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		for _, f := range t.(arrow.NestedType).Fields() {
			if !hasKernel(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// rowList is a selection of rows by position.
type rowList struct {
	at  []int64
	arr arrow.Array // the same for kernels
}

func newRowList(yes []uint64, n, passing int, mem memory.Allocator) *rowList {
	at := make([]int64, 0, passing)
	for i, w := range yes {
		if rest := n - 64*i; rest < 64 {
			w &= 1<<uint(rest) - 1
		}
		for ; w != 0; w &= w - 1 {
			at = append(at, int64(64*i+bits.TrailingZeros64(w)))
		}
	}
	return rowsAt(at, mem)
}

func rowsAt(at []int64, mem memory.Allocator) *rowList {
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.AppendValues(at, nil)
	return &rowList{at: at, arr: b.NewArray()}
}

func (r *rowList) release() { r.arr.Release() }
