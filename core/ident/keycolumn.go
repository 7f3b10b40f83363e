package ident

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Comparable reports whether ids of the two types can be the same: texts with
// texts, bytes with bytes, integers of every width with integers, and dates,
// times and timestamps with those of the same unit.
func Comparable(a, b arrow.DataType) bool {
	a, b = valueType(a), valueType(b)
	fa, fb := family(a), family(b)
	if fa != fb || fa == other {
		return false
	}
	if fa != exact {
		return true
	}
	ta, ok := a.(*arrow.TimestampType)
	if !ok {
		return arrow.TypeEqual(a, b)
	}
	tb, ok := b.(*arrow.TimestampType)
	return ok && ta.Unit == tb.Unit && (ta.TimeZone == "") == (tb.TimeZone == "")
}

func valueType(t arrow.DataType) arrow.DataType {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return valueType(d.ValueType)
	}
	return t
}

type typeFamily uint8

const (
	other typeFamily = iota
	text
	blob
	number
	exact
)

func family(t arrow.DataType) typeFamily {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return text
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return blob
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return number
	case arrow.BOOL, arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP:
		return exact
	default:
		return other
	}
}

func newKeyColumn(arr arrow.Array) (keyColumn, error) {
	c := keyColumn{}
	if arr.NullN() > 0 || arr.DataType().ID() == arrow.DICTIONARY {
		c.nulls = arr
	}
	switch a := arr.(type) {
	case *array.String:
		c.off32, c.data = a.ValueOffsets(), buffer(a, 2)
	case *array.Binary:
		c.off32, c.data = a.ValueOffsets(), buffer(a, 2)
	case *array.LargeString:
		c.get = func(row int) []byte { return stringBytes(a.Value(row)) }
	case *array.StringView:
		c.get = func(row int) []byte { return stringBytes(a.Value(row)) }
	case *array.LargeBinary:
		c.get = a.Value
	case *array.BinaryView:
		c.get = a.Value
	case *array.FixedSizeBinary:
		c.get = a.Value
	case *array.Int64:
		c.ints = a.Int64Values()
	case *array.Int32:
		c.ints = widen(a.Int32Values())
	case *array.Int16:
		c.ints = widen(a.Int16Values())
	case *array.Int8:
		c.ints = widen(a.Int8Values())
	case *array.Uint64:
		c.ints, c.unsigned = widen(a.Uint64Values()), true
	case *array.Uint32:
		c.ints = widen(a.Uint32Values())
	case *array.Uint16:
		c.ints = widen(a.Uint16Values())
	case *array.Uint8:
		c.ints = widen(a.Uint8Values())
	case *array.Date32:
		c.ints = widen(a.Date32Values())
	case *array.Date64:
		c.ints = widen(a.Date64Values())
	case *array.Time32:
		c.ints = widen(a.Time32Values())
	case *array.Time64:
		c.ints = widen(a.Time64Values())
	case *array.Timestamp:
		c.ints = widen(a.TimestampValues())
	case *array.Boolean:
		c.ints = make([]int64, a.Len())
		for i := range c.ints {
			if a.Value(i) {
				c.ints[i] = 1
			}
		}
	case *array.Dictionary:
		return c.decode(a)
	default:
		return c, CheckType(arr.DataType())
	}
	if c.ints == nil && c.get == nil && c.off32 == nil {
		// An empty array may have no buffers at all.
		if f := family(arr.DataType()); f == number || f == exact {
			c.ints = []int64{}
		} else {
			c.off32 = []int32{0}
		}
	}
	return c, nil
}

// decode looks values up once for integers and on each use for bytes.
func (c keyColumn) decode(a *array.Dictionary) (keyColumn, error) {
	values, err := newKeyColumn(a.Dictionary())
	if err != nil {
		return c, err
	}
	if values.ints == nil {
		c.get = func(row int) []byte {
			if a.IsNull(row) {
				return nil
			}
			return values.bytes(a.GetValueIndex(row))
		}
		return c, nil
	}
	c.unsigned = values.unsigned
	c.ints = make([]int64, a.Len())
	for i := range c.ints {
		if !a.IsNull(i) {
			c.ints[i] = values.ints[a.GetValueIndex(i)]
		}
	}
	return c, nil
}

func widen[T integer | unsigned](values []T) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = int64(v)
	}
	return out
}

func buffer(a arrow.Array, i int) []byte {
	if b := a.Data().Buffers()[i]; b != nil {
		return b.Bytes()
	}
	return nil
}

func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
