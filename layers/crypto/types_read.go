package crypto

import "github.com/apache/arrow-go/v18/arrow"

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
