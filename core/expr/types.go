package expr

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
)

// test sets the bit of each value of an array that passes. What it does with the bits of nulls does not matter. out is zeroed.
type test func(arr arrow.Array, out []uint64)

// typeOps makes the tests of one type of column.
type typeOps struct {
	kinds   []LiteralKind // what the type can be compared with
	hint    string        // how such a literal is written
	compare func(CompareOp, Literal) test
	in      func([]Literal) test
}

func (t *typeOps) accepts(k LiteralKind) bool { return slices.Contains(t.kinds, k) }

var (
	numericKinds = []LiteralKind{LiteralInt, LiteralUint, LiteralFloat, LiteralDecimal}
	instantKinds = []LiteralKind{LiteralTimestamp, LiteralDate}
)

// opsOf returns the operations on values of a type; nil for types that have no order: lists, maps, structs, unions, intervals.
func opsOf(t arrow.DataType) *typeOps {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return &typeOps{[]LiteralKind{LiteralBool}, "write TRUE or FALSE", compareBools, inBools}
	case *arrow.Int8Type:
		return numbers(func(a arrow.Array) []int8 { return a.(*array.Int8).Int8Values() }, intCut[int8])
	case *arrow.Int16Type:
		return numbers(func(a arrow.Array) []int16 { return a.(*array.Int16).Int16Values() }, intCut[int16])
	case *arrow.Int32Type:
		return numbers(func(a arrow.Array) []int32 { return a.(*array.Int32).Int32Values() }, intCut[int32])
	case *arrow.Int64Type:
		return numbers(func(a arrow.Array) []int64 { return a.(*array.Int64).Int64Values() }, intCut[int64])
	case *arrow.Uint8Type:
		return numbers(func(a arrow.Array) []uint8 { return a.(*array.Uint8).Uint8Values() }, intCut[uint8])
	case *arrow.Uint16Type:
		return numbers(func(a arrow.Array) []uint16 { return a.(*array.Uint16).Uint16Values() }, intCut[uint16])
	case *arrow.Uint32Type:
		return numbers(func(a arrow.Array) []uint32 { return a.(*array.Uint32).Uint32Values() }, intCut[uint32])
	case *arrow.Uint64Type:
		return numbers(func(a arrow.Array) []uint64 { return a.(*array.Uint64).Uint64Values() }, intCut[uint64])
	case *arrow.Float16Type:
		return numbers(float16Values, float32Cut)
	case *arrow.Float32Type:
		return numbers(func(a arrow.Array) []float32 { return a.(*array.Float32).Float32Values() }, float32Cut)
	case *arrow.Float64Type:
		return numbers(func(a arrow.Array) []float64 { return a.(*array.Float64).Float64Values() }, float64Cut)
	case *arrow.Decimal32Type:
		return numbers(func(a arrow.Array) []decimal.Decimal32 { return a.(*array.Decimal32).Values() },
			func(n number) cut[decimal.Decimal32] { return intCut[decimal.Decimal32](n.scaled(t.Scale)) })
	case *arrow.Decimal64Type:
		return numbers(func(a arrow.Array) []decimal.Decimal64 { return a.(*array.Decimal64).Values() },
			func(n number) cut[decimal.Decimal64] { return intCut[decimal.Decimal64](n.scaled(t.Scale)) })
	case *arrow.Decimal128Type:
		return decimals(func(a arrow.Array) []decimal128.Num { return a.(*array.Decimal128).Values() },
			func(n number) cut[decimal128.Num] { return decimalCut(n, t.Scale, 127, decimal128.FromBigInt) })
	case *arrow.Decimal256Type:
		return decimals(func(a arrow.Array) []decimal256.Num { return a.(*array.Decimal256).Values() },
			func(n number) cut[decimal256.Num] { return decimalCut(n, t.Scale, 255, decimal256.FromBigInt) })
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return texts(LiteralString, "write 'text'")
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return texts(LiteralBytes, "write X'deadbeef'")
	}
	return timeOps(t)
}

func timeOps(t arrow.DataType) *typeOps {
	const instant, clock, elapsed = "write TIMESTAMP '2026-01-02T03:04:05Z' or DATE '2026-01-02'", "write TIME '03:04:05'", "write DURATION '1h30m'"
	switch t := t.(type) {
	case *arrow.Date32Type:
		return ticks(func(a arrow.Array) []arrow.Date32 { return a.(*array.Date32).Date32Values() },
			secondsPerDay*1e9, instant, instantKinds...)
	case *arrow.Date64Type:
		return ticks(func(a arrow.Array) []arrow.Date64 { return a.(*array.Date64).Date64Values() }, 1e6, instant, instantKinds...)
	case *arrow.TimestampType:
		return ticks(func(a arrow.Array) []arrow.Timestamp { return a.(*array.Timestamp).TimestampValues() },
			int64(t.Unit.Multiplier()), instant, instantKinds...)
	case *arrow.Time32Type:
		return ticks(func(a arrow.Array) []arrow.Time32 { return a.(*array.Time32).Time32Values() },
			int64(t.Unit.Multiplier()), clock, LiteralTime)
	case *arrow.Time64Type:
		return ticks(func(a arrow.Array) []arrow.Time64 { return a.(*array.Time64).Time64Values() },
			int64(t.Unit.Multiplier()), clock, LiteralTime)
	case *arrow.DurationType:
		return ticks(func(a arrow.Array) []arrow.Duration { return a.(*array.Duration).DurationValues() },
			int64(t.Unit.Multiplier()), elapsed, LiteralDuration)
	}
	return nil
}

// numbers are columns of numbers, ticks those of times in units of so many nanoseconds.
func numbers[T numberValue](values func(arrow.Array) []T, toCut func(number) cut[T]) *typeOps {
	return orderedOps(values, func(l Literal) cut[T] { return toCut(l.number()) }, "write a number", numericKinds)
}

func ticks[T integerValue](values func(arrow.Array) []T, unit int64, hint string, kinds ...LiteralKind) *typeOps {
	return orderedOps(values, func(l Literal) cut[T] { return intCut[T](l.ticks(unit)) }, hint, kinds)
}

func orderedOps[T numberValue](values func(arrow.Array) []T, toCut func(Literal) cut[T], hint string, kinds []LiteralKind) *typeOps {
	return &typeOps{
		kinds: kinds, hint: hint,
		compare: func(op CompareOp, l Literal) test {
			c := toCut(l)
			op = c.resolve(op)
			return func(arr arrow.Array, out []uint64) { compareValues(values(arr), op, c.at, out) }
		},
		in: func(literals []Literal) test {
			cuts := make([]cut[T], len(literals))
			for i, l := range literals {
				cuts[i] = toCut(l)
			}
			in := newInValues(cuts)
			return func(arr arrow.Array, out []uint64) { in.test(values(arr), out) }
		},
	}
}

func texts(kind LiteralKind, hint string) *typeOps {
	return &typeOps{
		kinds: []LiteralKind{kind}, hint: hint,
		compare: func(op CompareOp, l Literal) test { return compareBytes(op, l.str).run },
		in: func(literals []Literal) test {
			values := make([]string, len(literals))
			for i, l := range literals {
				values[i] = l.str
			}
			return inBytes(values).run
		},
	}
}

// float16Values widens: there is no arithmetic on half floats, and a float32 holds each of them exactly.
func float16Values(arr arrow.Array) []float32 {
	half := arr.(*array.Float16).Values()
	out := make([]float32, len(half))
	for i, v := range half {
		out[i] = v.Float32()
	}
	return out
}
