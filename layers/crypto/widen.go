package crypto

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// widen makes the canonical bytes of a narrow type those of a wider one, for
// types of which core.Widens is true.
func widen(from, to arrow.DataType, data []byte) ([]byte, error) {
	width, ok := from.(arrow.FixedWidthDataType)
	if !ok {
		return data, nil // strings and binary
	}
	if len(data) != width.BitWidth()/8 {
		return nil, errMalformed
	}
	if from.ID() == arrow.FLOAT32 {
		f := math.Float32frombits(binary.LittleEndian.Uint32(data))
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(f))), nil
	}
	var word [8]byte
	copy(word[:], data)
	n := int64(binary.LittleEndian.Uint64(word[:]))
	signed := arrow.IsSignedInteger(from.ID())
	if signed {
		shift := 64 - width.BitWidth()
		n = n << shift >> shift
	}
	switch to.ID() {
	case arrow.FLOAT32: // from at most 16 bits, exactly
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(n))), nil
	case arrow.FLOAT64: // from at most 32 bits
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(n))), nil
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(n))
	return out[:to.(arrow.FixedWidthDataType).BitWidth()/8], nil
}
