package crypto

import "github.com/apache/arrow-go/v18/arrow"

// kind is the number of an Arrow type in the stored format. Arrow's own
// numbers are not promised to stay.
type kind byte

const (
	kindList kind = iota + 34
	kindLargeList
	kindFixedList
	kindStruct
	kindMap
	kindDictionary
)

// plainType gives the type of a kind without parameters, nil for other kinds.
func plainType(k kind) arrow.DataType {
	switch k { //nolint:exhaustive // the others have parameters
	case 1:
		return arrow.Null
	case 2:
		return arrow.FixedWidthTypes.Boolean
	case 3:
		return arrow.PrimitiveTypes.Int8
	case 4:
		return arrow.PrimitiveTypes.Int16
	case 5:
		return arrow.PrimitiveTypes.Int32
	case 6:
		return arrow.PrimitiveTypes.Int64
	case 7:
		return arrow.PrimitiveTypes.Uint8
	case 8:
		return arrow.PrimitiveTypes.Uint16
	case 9:
		return arrow.PrimitiveTypes.Uint32
	case 10:
		return arrow.PrimitiveTypes.Uint64
	case 11:
		return arrow.FixedWidthTypes.Float16
	case 12:
		return arrow.PrimitiveTypes.Float32
	case 13:
		return arrow.PrimitiveTypes.Float64
	case 14:
		return arrow.BinaryTypes.String
	case 15:
		return arrow.BinaryTypes.LargeString
	case 16:
		return arrow.BinaryTypes.StringView
	case 17:
		return arrow.BinaryTypes.Binary
	case 18:
		return arrow.BinaryTypes.LargeBinary
	case 19:
		return arrow.BinaryTypes.BinaryView
	case 21:
		return arrow.FixedWidthTypes.Date32
	case 22:
		return arrow.FixedWidthTypes.Date64
	case 27:
		return arrow.FixedWidthTypes.MonthInterval
	case 28:
		return arrow.FixedWidthTypes.DayTimeInterval
	case 29:
		return arrow.FixedWidthTypes.MonthDayNanoInterval
	}
	return nil
}

// kindOf gives a type's number, 0 for a type that cannot be encrypted.
func kindOf(t arrow.DataType) kind {
	switch t.ID() {
	case arrow.NULL:
		return 1
	case arrow.BOOL:
		return 2
	case arrow.INT8:
		return 3
	case arrow.INT16:
		return 4
	case arrow.INT32:
		return 5
	case arrow.INT64:
		return 6
	case arrow.UINT8:
		return 7
	case arrow.UINT16:
		return 8
	case arrow.UINT32:
		return 9
	case arrow.UINT64:
		return 10
	case arrow.FLOAT16:
		return 11
	case arrow.FLOAT32:
		return 12
	case arrow.FLOAT64:
		return 13
	case arrow.STRING:
		return 14
	case arrow.LARGE_STRING:
		return 15
	case arrow.STRING_VIEW:
		return 16
	case arrow.BINARY:
		return 17
	case arrow.LARGE_BINARY:
		return 18
	case arrow.BINARY_VIEW:
		return 19
	case arrow.FIXED_SIZE_BINARY:
		return 20
	case arrow.DATE32:
		return 21
	case arrow.DATE64:
		return 22
	case arrow.TIME32:
		return 23
	case arrow.TIME64:
		return 24
	case arrow.TIMESTAMP:
		return 25
	case arrow.DURATION:
		return 26
	case arrow.INTERVAL_MONTHS:
		return 27
	case arrow.INTERVAL_DAY_TIME:
		return 28
	case arrow.INTERVAL_MONTH_DAY_NANO:
		return 29
	case arrow.DECIMAL32:
		return 30
	case arrow.DECIMAL64:
		return 31
	case arrow.DECIMAL128:
		return 32
	case arrow.DECIMAL256:
		return 33
	case arrow.LIST:
		return kindList
	case arrow.LARGE_LIST:
		return kindLargeList
	case arrow.FIXED_SIZE_LIST:
		return kindFixedList
	case arrow.STRUCT:
		return kindStruct
	case arrow.MAP:
		return kindMap
	case arrow.DICTIONARY:
		return kindDictionary
	}
	return 0
}
