package duckdb

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// DuckDB's compression takes -0.0 for 0.0, since they are equal, and gives back one of them for both. A row with a negative zero therefore
// says so in a column of its own, colZeros: for each the number of the column in the schema and its place among the floating-point values
// of that column in the row, as varints. Hardly any row does, and the column costs nothing then.

// hasFloats reports whether values of a type hold floating-point numbers.
func hasFloats(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return true
	case *arrow.DictionaryType:
		return hasFloats(t.ValueType)
	case arrow.ExtensionType:
		return hasFloats(t.StorageType())
	case arrow.NestedType:
		for _, f := range t.Fields() {
			if hasFloats(f.Type) {
				return true
			}
		}
	}
	return false
}

// findZeros gives the column, or nil when there is no negative zero. The arrays are converted; a nil one is a column without values.
func findZeros(mem memory.Allocator, columns []arrow.Array, rows int) arrow.Array {
	var with []int
	for i, c := range columns {
		if c != nil && anyZero(c) {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return nil
	}
	b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	var buf []byte
	for row := range rows {
		buf = buf[:0]
		for _, i := range with {
			n := uint64(0)
			eachFloat(columns[i], row, func(leaf arrow.Array, at int) {
				if isNegativeZero(leaf, at) {
					buf = binary.AppendUvarint(buf, uint64(i))
					buf = binary.AppendUvarint(buf, n)
				}
				n++
			})
		}
		if len(buf) == 0 {
			b.AppendNull()
		} else {
			b.Append(buf)
		}
	}
	return b.NewArray()
}

// restoreZeros puts the signs back. index has for each array the number of its column in the schema; the arrays must be nobody else's.
func restoreZeros(zeros *array.Binary, columns []arrow.Array, index []int) {
	for row := range zeros.Len() {
		if zeros.IsNull(row) {
			continue
		}
		for v := zeros.Value(row); len(v) > 0; {
			column, used := binary.Uvarint(v)
			if used <= 0 {
				break
			}
			place, more := binary.Uvarint(v[used:])
			if more <= 0 {
				break
			}
			v = v[used+more:]
			for i, at := range index {
				if uint64(at) != column {
					continue
				}
				n := uint64(0)
				eachFloat(columns[i], row, func(leaf arrow.Array, at int) {
					if n == place {
						setNegativeZero(leaf, at)
					}
					n++
				})
			}
		}
	}
}

// eachFloat visits the floating-point values of a row that are there, in order.
func eachFloat(arr arrow.Array, row int, visit func(leaf arrow.Array, at int)) {
	if arr.IsNull(row) {
		return
	}
	switch a := arr.(type) {
	case *array.Float32, *array.Float64:
		visit(arr, row)
	case *array.Struct:
		for i := range a.NumField() {
			eachFloat(a.Field(i), row, visit)
		}
	case array.ListLike:
		if !hasFloats(a.ListValues().DataType()) {
			return
		}
		from, to := a.ValueOffsets(row)
		for i := from; i < to; i++ {
			eachFloat(a.ListValues(), int(i), visit)
		}
	}
}

// anyZero looks at every value, also those that are not there: a quick no.
func anyZero(arr arrow.Array) bool {
	switch a := arr.(type) {
	case *array.Float32:
		for _, v := range a.Float32Values() {
			if math.Float32bits(v) == 1<<31 {
				return true
			}
		}
	case *array.Float64:
		for _, v := range a.Float64Values() {
			if math.Float64bits(v) == 1<<63 {
				return true
			}
		}
	case *array.Struct:
		for i := range a.NumField() {
			if anyZero(a.Field(i)) {
				return true
			}
		}
	case array.ListLike:
		return anyZero(a.ListValues())
	}
	return false
}

func isNegativeZero(leaf arrow.Array, at int) bool {
	switch a := leaf.(type) {
	case *array.Float32:
		return math.Float32bits(a.Value(at)) == 1<<31
	case *array.Float64:
		return math.Float64bits(a.Value(at)) == 1<<63
	}
	return false
}

func setNegativeZero(leaf arrow.Array, at int) {
	switch a := leaf.(type) {
	case *array.Float32:
		a.Float32Values()[at] = float32(math.Copysign(0, -1))
	case *array.Float64:
		a.Float64Values()[at] = math.Copysign(0, -1)
	}
}
