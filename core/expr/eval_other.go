package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// outcomes says for each order of a value against the literal (less, equal, greater) whether the comparison holds.
func outcomes(op CompareOp) [3]uint64 {
	switch op {
	case Eq:
		return [3]uint64{0, 1, 0}
	case Ne:
		return [3]uint64{1, 0, 1}
	case Lt:
		return [3]uint64{1, 0, 0}
	case Le:
		return [3]uint64{1, 1, 0}
	case Gt:
		return [3]uint64{0, 0, 1}
	case Ge:
		return [3]uint64{0, 1, 1}
	case always:
		return [3]uint64{1, 1, 1}
	default:
		return [3]uint64{}
	}
}

// decimalValue is a decimal of 128 or 256 bits.
type decimalValue[T any] interface {
	comparable
	Cmp(T) int
}

func decimals[T decimalValue[T]](values func(arrow.Array) []T, toCut func(number) cut[T]) *typeOps {
	return &typeOps{
		kinds: numericKinds, hint: "write a number or DECIMAL '12.50'",
		compare: func(op CompareOp, l Literal) test {
			c := toCut(l.number())
			holds := outcomes(c.resolve(op))
			return func(arr arrow.Array, out []uint64) {
				for i, v := range values(arr) {
					out[i/64] |= holds[v.Cmp(c.at)+1] << (i % 64)
				}
			}
		},
		in: func(literals []Literal) test {
			set := make(map[T]struct{}, len(literals))
			for _, l := range literals {
				if c := toCut(l.number()); c.pos == cutExact {
					set[c.at] = struct{}{}
				}
			}
			return func(arr arrow.Array, out []uint64) {
				for i, v := range values(arr) {
					_, ok := set[v]
					out[i/64] |= bit(ok) << (i % 64)
				}
			}
		},
	}
}

func compareBools(op CompareOp, l Literal) test {
	at, holds := int(l.num), outcomes(op)
	return boolTest(holds[0-at+1], holds[1-at+1])
}

func inBools(literals []Literal) test {
	var ifFalse, ifTrue uint64
	for _, l := range literals {
		if l.num == 0 {
			ifFalse = 1
		} else {
			ifTrue = 1
		}
	}
	return boolTest(ifFalse, ifTrue)
}

// boolTest is the test with these results on FALSE and on TRUE.
func boolTest(ifFalse, ifTrue uint64) test {
	no, yes := -ifFalse, -ifTrue // all bits or none
	return func(arr arrow.Array, out []uint64) {
		for i, w := range boolBits(arr) {
			out[i] = w&yes | ^w&no
		}
	}
}

// boolBits returns the values of a boolean array.
func boolBits(arr arrow.Array) []uint64 {
	data := arr.Data()
	values := data.Buffers()[1]
	if values == nil { // no rows, or none but nulls
		return make([]uint64, words(data.Len()))
	}
	return loadBits(values.Bytes(), data.Offset(), data.Len())
}
