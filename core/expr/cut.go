package expr

import (
	"math"
	"math/big"
)

// cut is where a literal lies among the values of a column's type. Comparing with it is exact whatever the type of the literal, since
// the literal itself is never converted: 1000 lies above all int8, 1.5 between the int64s 1 and 2, 0.1 between two float32s.
type cut[T any] struct {
	at  T
	pos cutPos
}

type cutPos uint8

const (
	cutExact cutPos = iota // the literal is the value at
	cutAbove               // the literal lies between at and the next greater value
	cutUnder               // the literal is less than every value of the type
	cutOver                // the literal is greater than every value of the type
)

// outcome of a comparison with a cut: an operator against the value at, or the same for every row.
const (
	never  CompareOp = 100
	always CompareOp = 101
)

// resolve returns what comparing a value with the literal comes to.
func (c cut[T]) resolve(op CompareOp) CompareOp {
	switch c.pos {
	case cutAbove:
		switch op {
		case Eq:
			return never
		case Ne:
			return always
		case Lt, Le:
			return Le
		default:
			return Gt
		}
	case cutUnder:
		if op == Ne || op == Gt || op == Ge {
			return always
		}
		return never
	case cutOver:
		if op == Ne || op == Lt || op == Le {
			return always
		}
		return never
	default:
		return op
	}
}

// number is an exact number, or what is none: NaN and the infinities.
type number struct {
	rat     *big.Rat
	special float64
}

// number returns the value of a numeric literal.
func (l Literal) number() number {
	switch l.kind {
	case LiteralInt:
		return number{rat: new(big.Rat).SetInt64(l.num)}
	case LiteralUint:
		return number{rat: new(big.Rat).SetUint64(uint64(l.num))}
	case LiteralDecimal:
		unscaled, scale, _ := l.Decimal()
		return number{rat: shift(new(big.Rat).SetInt(unscaled), -scale)}
	default: // a float
	}
	f, _ := l.Float()
	if r := new(big.Rat).SetFloat64(f); r != nil {
		return number{rat: r}
	}
	return number{special: f}
}

// ticks returns a literal of time in units of so many nanoseconds.
func (l Literal) ticks(unit int64) number {
	n := big.NewInt(l.num)
	switch l.kind {
	case LiteralTimestamp:
		n.Mul(n, big.NewInt(1e9)).Add(n, big.NewInt(int64(l.aux)))
	case LiteralDate:
		n.Mul(n, big.NewInt(secondsPerDay*1e9))
	default: // a time of day or a duration: num is nanoseconds already
	}
	return number{rat: new(big.Rat).SetFrac(n, big.NewInt(unit))}
}

// shift multiplies by a power of ten.
func shift(r *big.Rat, power int32) *big.Rat {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil)
	if power < 0 {
		return r.Quo(r, new(big.Rat).SetInt(p))
	}
	return r.Mul(r, new(big.Rat).SetInt(p))
}

// scaled returns the number in units of the last digit of a decimal of the scale.
func (n number) scaled(scale int32) number {
	if n.rat != nil {
		n.rat = shift(new(big.Rat).Set(n.rat), scale)
	}
	return n
}

// floor returns the greatest integer that is not above the number, and whether it is the number.
func (n number) floor() (*big.Int, cutPos) {
	if n.rat.IsInt() {
		return n.rat.Num(), cutExact
	}
	// Euclidean division rounds down because the denominator is positive.
	return new(big.Int).Div(n.rat.Num(), n.rat.Denom()), cutAbove
}

// beyond returns where NaN and the infinities lie among types that do not have them.
func (n number) beyond() cutPos {
	if math.IsInf(n.special, -1) {
		return cutUnder
	}
	return cutOver
}

func intCut[T integerValue](n number) cut[T] {
	if n.rat == nil {
		return cut[T]{pos: n.beyond()}
	}
	floor, pos := n.floor()
	if floor.IsInt64() {
		v := floor.Int64()
		if t := T(v); int64(t) == v && (t < 0) == (v < 0) {
			return cut[T]{at: t, pos: pos}
		}
	} else if floor.IsUint64() {
		v := floor.Uint64()
		if t := T(v); uint64(t) == v && t >= 0 {
			return cut[T]{at: t, pos: pos}
		}
	}
	if floor.Sign() < 0 {
		return cut[T]{pos: cutUnder}
	}
	return cut[T]{pos: cutOver}
}

func float64Cut(n number) cut[float64] {
	if n.rat == nil {
		return cut[float64]{at: n.special}
	}
	f, exact := n.rat.Float64()
	if exact {
		return cut[float64]{at: f}
	}
	if math.IsInf(f, 1) || !math.IsInf(f, -1) && new(big.Rat).SetFloat64(f).Cmp(n.rat) > 0 {
		f = math.Nextafter(f, math.Inf(-1))
	}
	return cut[float64]{at: f, pos: cutAbove}
}

func float32Cut(n number) cut[float32] {
	if n.rat == nil {
		return cut[float32]{at: float32(n.special)}
	}
	f, exact := n.rat.Float32()
	if exact {
		return cut[float32]{at: f}
	}
	wide := float64(f)
	if math.IsInf(wide, 1) || !math.IsInf(wide, -1) && new(big.Rat).SetFloat64(wide).Cmp(n.rat) > 0 {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return cut[float32]{at: f, pos: cutAbove}
}

// decimalCut is the cut among integers of so many bits that stand for decimals of the scale.
func decimalCut[T any](n number, scale int32, bits int, from func(*big.Int) T) cut[T] {
	if n.rat == nil {
		return cut[T]{pos: n.beyond()}
	}
	floor, pos := n.scaled(scale).floor()
	if floor.BitLen() < bits {
		return cut[T]{at: from(floor), pos: pos}
	}
	if floor.Sign() < 0 {
		return cut[T]{pos: cutUnder}
	}
	return cut[T]{pos: cutOver}
}
