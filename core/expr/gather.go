package expr

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// gather copies the listed rows of an array. It is for the types that Arrow's filter kernel does not handle (see hasKernel) and for what
// contains them; it moves what is particular to them and leaves the rest to the kernels.
func gather(ctx context.Context, arr arrow.Array, rows *rowList, mem memory.Allocator) (arrow.Array, error) {
	if len(rows.at) == 0 {
		return array.NewSlice(arr, 0, 0), nil // the kernels do not expect arrays without buffers, as empty ones may be
	}
	if hasKernel(arr.DataType()) {
		return compute.TakeArray(ctx, arr, rows.arr)
	}
	switch t := arr.DataType().(type) {
	case arrow.ExtensionType:
		stored, err := gather(ctx, arr.(array.ExtensionArray).Storage(), rows, mem)
		if err != nil {
			return nil, err
		}
		defer stored.Release()
		return array.NewExtensionArrayWithStorage(t, stored), nil
	case *arrow.BooleanType:
		return gatherBools(arr, rows.at, mem), nil
	case *arrow.StringViewType, *arrow.BinaryViewType:
		return gatherViews(arr, rows.at, mem), nil
	case *arrow.StructType:
		return gatherStruct(ctx, arr.(*array.Struct), rows, mem)
	case *arrow.MapType, *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		return gatherLists(ctx, arr.(array.ListLike), rows.at, mem)
	case *arrow.ListViewType, *arrow.LargeListViewType, *arrow.RunEndEncodedType,
		*arrow.MonthIntervalType, *arrow.DayTimeIntervalType, *arrow.MonthDayNanoIntervalType, *arrow.Decimal32Type, *arrow.Decimal64Type:
		return gatherRuns(arr, rows.at, mem)
	}
	return nil, fmt.Errorf("rows of type %s cannot be selected", arr.DataType())
}

// gatherViews moves the headers and shares the text they point at.
func gatherViews(arr arrow.Array, rows []int64, mem memory.Allocator) arrow.Array {
	data := arr.Data()
	buffers := data.Buffers()
	from := arrow.ViewHeaderTraits.CastFromBytes(buffers[1].Bytes())[data.Offset():]
	headers := memory.NewResizableBuffer(mem)
	defer headers.Release()
	headers.Resize(len(rows) * arrow.ViewHeaderSizeBytes)
	to := arrow.ViewHeaderTraits.CastFromBytes(headers.Bytes())
	for i, r := range rows {
		to[i] = from[r]
	}
	valid, nulls := gatherValidity(arr, rows, mem)
	defer release(valid)
	out := append([]*memory.Buffer{valid, headers}, buffers[2:]...)
	return makeArray(array.NewData(data.DataType(), len(rows), out, nil, nulls, 0))
}

func gatherStruct(ctx context.Context, arr *array.Struct, rows *rowList, mem memory.Allocator) (arrow.Array, error) {
	fields := make([]arrow.ArrayData, 0, arr.NumField())
	defer func() {
		for _, f := range fields {
			f.Release()
		}
	}()
	for i := range arr.NumField() {
		f, err := gather(ctx, arr.Field(i), rows, mem)
		if err != nil {
			return nil, err
		}
		f.Data().Retain()
		fields = append(fields, f.Data())
		f.Release()
	}
	valid, nulls := gatherValidity(arr, rows.at, mem)
	defer release(valid)
	return makeArray(array.NewData(arr.DataType(), len(rows.at), []*memory.Buffer{valid}, fields, nulls, 0)), nil
}

// gatherLists moves the offsets and gathers the elements that the rows hold.
func gatherLists(ctx context.Context, arr array.ListLike, rows []int64, mem memory.Allocator) (arrow.Array, error) {
	var elements []int64
	ends := make([]int64, 1, len(rows)+1)
	_, fixed := arr.DataType().(*arrow.FixedSizeListType)
	for _, r := range rows {
		if fixed || arr.IsValid(int(r)) { // a null list of fixed size still has elements
			from, to := arr.ValueOffsets(int(r))
			for e := from; e < to; e++ {
				elements = append(elements, e)
			}
		}
		ends = append(ends, int64(len(elements)))
	}
	list := rowsAt(elements, mem)
	defer list.release()
	values, err := gather(ctx, arr.ListValues(), list, mem)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	valid, nulls := gatherValidity(arr, rows, mem)
	defer release(valid)
	buffers := []*memory.Buffer{valid}
	if !fixed {
		offsets := memory.NewResizableBuffer(mem)
		defer offsets.Release()
		if _, large := arr.DataType().(*arrow.LargeListType); large {
			offsets.Resize(arrow.Int64Traits.BytesRequired(len(ends)))
			copy(arrow.Int64Traits.CastFromBytes(offsets.Bytes()), ends)
		} else {
			offsets.Resize(arrow.Int32Traits.BytesRequired(len(ends)))
			for i, e := range ends { // no more elements than before, so they still fit
				arrow.Int32Traits.CastFromBytes(offsets.Bytes())[i] = int32(e)
			}
		}
		buffers = append(buffers, offsets)
	}
	return makeArray(array.NewData(arr.DataType(), len(rows), buffers, []arrow.ArrayData{values.Data()}, nulls, 0)), nil
}

// gatherRuns joins slices of consecutive rows, for layouts too rare to deserve more.
func gatherRuns(arr arrow.Array, rows []int64, mem memory.Allocator) (arrow.Array, error) {
	var runs []arrow.Array
	defer func() {
		for _, r := range runs {
			r.Release()
		}
	}()
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j] == rows[j-1]+1 {
			j++
		}
		runs = append(runs, array.NewSlice(arr, rows[i], rows[j-1]+1))
		i = j
	}
	return array.Concatenate(runs, mem)
}

// gatherValidity returns the validity bitmap of the rows, nil when no value of the array is null, and counts the nulls.
func gatherValidity(arr arrow.Array, rows []int64, mem memory.Allocator) (*memory.Buffer, int) {
	valid := validity(arr)
	if valid == nil {
		return nil, 0
	}
	kept, set := gatherBits(valid, rows, mem)
	return kept, len(rows) - set
}

// gatherBits moves the rows of a bitmap and counts those that are set.
func gatherBits(from []uint64, rows []int64, mem memory.Allocator) (*memory.Buffer, int) {
	kept := make([]uint64, words(len(rows)))
	for i, r := range rows {
		kept[i/64] |= (from[r/64] >> (r % 64) & 1) << (i % 64)
	}
	return bitmap(kept, len(rows), mem), count(kept, len(rows))
}

func gatherBools(arr arrow.Array, rows []int64, mem memory.Allocator) arrow.Array {
	values, _ := gatherBits(boolBits(arr), rows, mem)
	defer values.Release()
	valid, nulls := gatherValidity(arr, rows, mem)
	defer release(valid)
	return makeArray(array.NewData(arr.DataType(), len(rows), []*memory.Buffer{valid, values}, nil, nulls, 0))
}

func release(b *memory.Buffer) {
	if b != nil {
		b.Release()
	}
}

// makeArray makes an array of data that nothing else needs.
func makeArray(data *array.Data) arrow.Array {
	defer data.Release()
	return array.MakeFromData(data)
}
