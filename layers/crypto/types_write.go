package crypto

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

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
