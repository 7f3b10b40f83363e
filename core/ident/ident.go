// Package ident gives samples their identity: which Arrow types an id column
// may have, the canonical text of an id, and the detection of duplicates.
//
// The canonical text is what every backend and language agrees on. It orders
// the upstream rows of an N:1 dependency, so it enters data versions:
//
//	strings      as they are
//	integers     decimal
//	booleans     true, false
//	dates, times, timestamps
//	             decimal count of the type's unit since its origin
//	binary       lowercase hex
//
// Several id columns are joined with "|" after "\" and "|" inside each were
// written "\\" and "\|".
package ident

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core/version"
)

// CheckType reports why a type cannot identify samples, or nil. Floating-point
// numbers are refused because equal ids would depend on rounding, nested types
// because backends compare them differently.
func CheckType(t arrow.DataType) error {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY,
		arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.BOOL, arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP:
		return nil
	case arrow.DICTIONARY:
		return CheckType(t.(*arrow.DictionaryType).ValueType)
	default:
		return fmt.Errorf("type %s cannot identify samples: use strings, integers, booleans, dates, times or binary", t)
	}
}

// View reads the ids of one batch.
type View struct {
	names   []string
	columns []column
	rows    int
}

// column appends the text of one id value; null is asked first.
type column struct {
	arr    arrow.Array
	append func(dst []byte, row int) []byte
}

// Bind finds the id columns in a batch. The view is valid as long as the batch.
func Bind(batch arrow.RecordBatch, ids []string) (*View, error) {
	v := &View{names: ids, rows: int(batch.NumRows())}
	for _, id := range ids {
		at := batch.Schema().FieldIndices(id)
		if len(at) != 1 {
			return nil, fmt.Errorf("id column %q occurs %d times", id, len(at))
		}
		arr := batch.Column(at[0])
		f, err := appender(arr)
		if err != nil {
			return nil, fmt.Errorf("id column %q: %w", id, err)
		}
		v.columns = append(v.columns, column{arr, f})
	}
	return v, nil
}

// Rows is the number of rows in the batch.
func (v *View) Rows() int { return v.rows }

// FirstNull gives the first row that lacks an id, and the column it lacks.
func (v *View) FirstNull() (row int, name string, found bool) {
	row = v.rows
	for i, c := range v.columns {
		if c.arr.NullN() == 0 && c.arr.DataType().ID() != arrow.DICTIONARY {
			continue
		}
		for r := range row {
			if isNull(c.arr, r) {
				row, name, found = r, v.names[i], true
				break
			}
		}
	}
	return row, name, found
}

// AppendText appends the canonical text of a row's id to dst.
func (v *View) AppendText(dst []byte, row int) []byte {
	if len(v.columns) == 1 {
		return v.columns[0].append(dst, row)
	}
	var scratch [64]byte
	for i, c := range v.columns {
		if i > 0 {
			dst = append(dst, '|')
		}
		dst = version.AppendEscaped(dst, c.append(scratch[:0], row))
	}
	return dst
}

func isNull(a arrow.Array, row int) bool {
	if a.IsNull(row) {
		return true
	}
	d, ok := a.(*array.Dictionary)
	return ok && d.Dictionary().IsNull(d.GetValueIndex(row))
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

func signed[T integer](values []T) func([]byte, int) []byte {
	return func(dst []byte, row int) []byte { return strconv.AppendInt(dst, int64(values[row]), 10) }
}

func natural[T unsigned](values []T) func([]byte, int) []byte {
	return func(dst []byte, row int) []byte { return strconv.AppendUint(dst, uint64(values[row]), 10) }
}

// appender gives a function that appends the text of a value of arr.
func appender(arr arrow.Array) (func([]byte, int) []byte, error) {
	switch a := arr.(type) {
	case *array.String:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.LargeString:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.StringView:
		return func(dst []byte, row int) []byte { return append(dst, a.Value(row)...) }, nil
	case *array.Binary:
		return func(dst []byte, row int) []byte { return hex.AppendEncode(dst, a.Value(row)) }, nil
	case *array.LargeBinary:
		return func(dst []byte, row int) []byte { return hex.AppendEncode(dst, a.Value(row)) }, nil
	case *array.BinaryView:
		return func(dst []byte, row int) []byte { return hex.AppendEncode(dst, a.Value(row)) }, nil
	case *array.FixedSizeBinary:
		return func(dst []byte, row int) []byte { return hex.AppendEncode(dst, a.Value(row)) }, nil
	case *array.Boolean:
		return func(dst []byte, row int) []byte { return strconv.AppendBool(dst, a.Value(row)) }, nil
	case *array.Int8:
		return signed(a.Int8Values()), nil
	case *array.Int16:
		return signed(a.Int16Values()), nil
	case *array.Int32:
		return signed(a.Int32Values()), nil
	case *array.Int64:
		return signed(a.Int64Values()), nil
	case *array.Uint8:
		return natural(a.Uint8Values()), nil
	case *array.Uint16:
		return natural(a.Uint16Values()), nil
	case *array.Uint32:
		return natural(a.Uint32Values()), nil
	case *array.Uint64:
		return natural(a.Uint64Values()), nil
	case *array.Date32:
		return signed(a.Date32Values()), nil
	case *array.Date64:
		return signed(a.Date64Values()), nil
	case *array.Time32:
		return signed(a.Time32Values()), nil
	case *array.Time64:
		return signed(a.Time64Values()), nil
	case *array.Timestamp:
		return signed(a.TimestampValues()), nil
	case *array.Dictionary:
		f, err := appender(a.Dictionary())
		if err != nil {
			return nil, err
		}
		return func(dst []byte, row int) []byte { return f(dst, a.GetValueIndex(row)) }, nil
	}
	return nil, CheckType(arr.DataType())
}
