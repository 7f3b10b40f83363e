package crypto

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

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
	switch k {
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

// appendType writes a type in the form that the reader's typ reads.
func appendType(b []byte, t arrow.DataType) ([]byte, error) {
	k := kindOf(t)
	if k == 0 {
		return nil, fmt.Errorf("%w: type %s cannot be encrypted", core.ErrUnsupported, t)
	}
	b = append(b, byte(k))
	switch t := t.(type) {
	case *arrow.FixedSizeBinaryType:
		return binary.AppendUvarint(b, uint64(t.ByteWidth)), nil
	case *arrow.Time32Type:
		return append(b, byte(t.Unit)), nil
	case *arrow.Time64Type:
		return append(b, byte(t.Unit)), nil
	case *arrow.DurationType:
		return append(b, byte(t.Unit)), nil
	case *arrow.TimestampType:
		return appendText(append(b, byte(t.Unit)), t.TimeZone), nil
	case arrow.DecimalType:
		return append(b, byte(t.GetPrecision()), byte(t.GetScale())), nil
	case *arrow.FixedSizeListType:
		return appendField(binary.AppendUvarint(b, uint64(t.Len())), t.ElemField())
	case arrow.ListLikeType:
		if m, ok := t.(*arrow.MapType); ok {
			return appendMap(b, m)
		}
		return appendField(b, t.ElemField())
	case *arrow.StructType:
		b = binary.AppendUvarint(b, uint64(t.NumFields()))
		var err error
		for _, f := range t.Fields() {
			if b, err = appendField(b, f); err != nil {
				return nil, err
			}
		}
		return b, nil
	case *arrow.DictionaryType:
		b = append(b, boolByte(t.Ordered))
		b, err := appendType(b, t.IndexType)
		if err != nil {
			return nil, err
		}
		return appendType(b, t.ValueType)
	}
	return b, nil
}

func appendMap(b []byte, m *arrow.MapType) ([]byte, error) {
	b, err := appendField(append(b, boolByte(m.KeysSorted)), m.KeyField())
	if err != nil {
		return nil, err
	}
	return appendField(b, m.ItemField())
}

func appendField(b []byte, f arrow.Field) ([]byte, error) {
	return appendType(append(appendText(b, f.Name), boolByte(f.Nullable)), f.Type)
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// deepest bounds nesting, so that a forged record cannot exhaust the stack.
const deepest = 64

func (r *reader) field(depth int) arrow.Field {
	f := arrow.Field{Name: r.text(), Nullable: r.flag()}
	f.Type = r.typ(depth)
	return f
}

func (r *reader) flag() bool {
	b := r.byte()
	if b > 1 {
		r.fail()
	}
	return b == 1
}

func (r *reader) unit() arrow.TimeUnit {
	b := r.byte()
	if b > byte(arrow.Nanosecond) {
		r.fail()
	}
	return arrow.TimeUnit(b)
}

// typ reads a type; when the reader failed it is Null.
func (r *reader) typ(depth int) arrow.DataType {
	k := kind(r.byte())
	if depth > deepest {
		r.fail()
	}
	if t := plainType(k); t != nil && !r.failed {
		return t
	}
	t := r.parametric(k, depth+1)
	if t == nil || r.failed {
		r.fail()
		return arrow.Null
	}
	return t
}

func (r *reader) parametric(k kind, depth int) arrow.DataType {
	switch k {
	case 20:
		if w := r.uvarint(); w > 0 && w < 1<<30 {
			return &arrow.FixedSizeBinaryType{ByteWidth: int(w)}
		}
	case 23:
		if u := r.unit(); u == arrow.Second || u == arrow.Millisecond {
			return &arrow.Time32Type{Unit: u}
		}
	case 24:
		if u := r.unit(); u == arrow.Microsecond || u == arrow.Nanosecond {
			return &arrow.Time64Type{Unit: u}
		}
	case 25:
		u := r.unit()
		return &arrow.TimestampType{Unit: u, TimeZone: r.text()}
	case 26:
		return &arrow.DurationType{Unit: r.unit()}
	case 30, 31, 32, 33:
		id := [...]arrow.Type{arrow.DECIMAL32, arrow.DECIMAL64, arrow.DECIMAL128, arrow.DECIMAL256}[k-30]
		precision, scale := r.byte(), r.byte()
		if t, err := arrow.NewDecimalType(id, int32(precision), int32(int8(scale))); err == nil {
			return t
		}
	case kindList:
		return arrow.ListOfField(r.field(depth))
	case kindLargeList:
		return arrow.LargeListOfField(r.field(depth))
	case kindFixedList:
		n := r.uvarint()
		if f := r.field(depth); n > 0 && n < 1<<30 && !r.failed {
			return arrow.FixedSizeListOfField(int32(n), f)
		}
	case kindStruct:
		n := r.uvarint()
		var fields []arrow.Field
		for ; n > 0 && !r.failed; n-- {
			fields = append(fields, r.field(depth))
		}
		if !r.failed {
			return arrow.StructOf(fields...)
		}
	case kindMap:
		sorted := r.flag()
		key, item := r.field(depth), r.field(depth)
		if !r.failed && !key.Nullable {
			m := arrow.MapOfFields(key, item)
			m.KeysSorted = sorted
			return m
		}
	case kindDictionary:
		ordered := r.flag()
		index, value := r.typ(depth), r.typ(depth)
		if !r.failed && arrow.IsInteger(index.ID()) && value.ID() != arrow.DICTIONARY {
			return &arrow.DictionaryType{IndexType: index, ValueType: value, Ordered: ordered}
		}
	}
	return nil
}

// tag begins the plaintext of a value and says of what type it is: the kind
// alone where that says all, else with a digest of the whole type. A record
// that was changed to another type so cannot reinterpret values.
func tag(t arrow.DataType) ([]byte, error) {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return tag(d.ValueType) // the encoding is not the value
	}
	k := kindOf(t)
	if plainType(k) != nil {
		return []byte{byte(k)}, nil
	}
	b, err := appendType(nil, t)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return append([]byte{byte(k)}, sum[:8]...), nil
}
