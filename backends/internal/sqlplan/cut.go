package sqlplan

import (
	"math"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// verdict is what a comparison of a column with a literal comes to: an operator against a constant, or the same for every value.
type verdict struct {
	op     expr.CompareOp
	sql    string
	always bool
	never  bool
}

// compare finds the verdict; not ok leaves the comparison to somebody else. Literals are never converted to the column's type, which
// might round or wrap them: where none of its values equals the literal, the comparison is moved to the nearest value below.
func compare(d Dialect, t arrow.DataType, op expr.CompareOp, l expr.Literal) (verdict, bool) {
	switch t := valueType(t).(type) {
	case *arrow.BooleanType:
		v, ok := l.Bool()
		if !ok {
			return verdict{}, false
		}
		if v {
			return verdict{op: op, sql: "TRUE"}, true
		}
		return verdict{op: op, sql: "FALSE"}, true
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		s, ok := l.Text()
		return verdict{op: op, sql: d.Text(s)}, ok
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		b, ok := l.Bytes()
		return verdict{op: op, sql: d.Bytes(b)}, ok
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return compareFloat(d, t, op, l)
	default:
		return compareInteger(d, t, op, l)
	}
}

func compareFloat(d Dialect, t arrow.DataType, op expr.CompareOp, l expr.Literal) (verdict, bool) {
	rat, special, ok := number(l)
	if !ok {
		return verdict{}, false
	}
	if rat == nil {
		return verdict{op: op, sql: d.Float(t, special)}, true
	}
	var f float64
	var exact bool
	if t.ID() == arrow.FLOAT64 {
		f, exact = rat.Float64()
	} else {
		var f32 float32
		f32, exact = rat.Float32()
		f = float64(f32)
	}
	if exact {
		return verdict{op: op, sql: d.Float(t, f)}, true
	}
	// Down to the nearest value that is less.
	if math.IsInf(f, 1) || !math.IsInf(f, -1) && new(big.Rat).SetFloat64(f).Cmp(rat) > 0 {
		if t.ID() == arrow.FLOAT64 {
			f = math.Nextafter(f, math.Inf(-1))
		} else {
			f = float64(math.Nextafter32(float32(f), float32(math.Inf(-1))))
		}
	}
	v := above(op)
	v.sql = d.Float(t, f)
	return v, true
}

// above is the verdict where the literal lies between a value and the next.
func above(op expr.CompareOp) verdict {
	switch op {
	case expr.Eq:
		return verdict{never: true}
	case expr.Ne:
		return verdict{always: true}
	case expr.Lt, expr.Le:
		return verdict{op: expr.Le}
	default:
		return verdict{op: expr.Gt}
	}
}

func compareInteger(d Dialect, t arrow.DataType, op expr.CompareOp, l expr.Literal) (verdict, bool) {
	rat, special, low, high, ok := position(t, l)
	if !ok {
		return verdict{}, false
	}
	under := verdict{always: op == expr.Ne || op == expr.Gt || op == expr.Ge}
	under.never = !under.always
	over := verdict{always: op == expr.Ne || op == expr.Lt || op == expr.Le}
	over.never = !over.always
	if rat == nil {
		if math.IsInf(special, -1) {
			return under, true
		}
		return over, true
	}
	floor := new(big.Int).Div(rat.Num(), rat.Denom())
	if floor.Cmp(low) < 0 {
		return under, true
	}
	if floor.Cmp(high) > 0 {
		return over, true
	}
	v := verdict{op: op}
	if !rat.IsInt() {
		v = above(op)
	}
	v.sql, ok = d.Value(t, floor)
	return v, ok
}

// position places a literal on the integers that Arrow holds for a type, and gives the bounds of these.
func position(t arrow.DataType, l expr.Literal) (rat *big.Rat, special float64, low, high *big.Int, ok bool) {
	if w, ok := t.(arrow.FixedWidthDataType); ok && arrow.IsInteger(t.ID()) {
		low, high = bounds(w.BitWidth(), arrow.IsSignedInteger(t.ID()))
		rat, special, ok = number(l)
		return rat, special, low, high, ok
	}
	if dec, ok := t.(arrow.DecimalType); ok {
		rat, special, ok = number(l)
		if rat != nil {
			rat = scaled(rat, dec.GetScale())
		}
		high = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(dec.GetPrecision())), nil)
		high.Sub(high, big.NewInt(1))
		return rat, special, new(big.Int).Neg(high), high, ok
	}
	var unit time.Duration
	clock, bits := expr.LiteralTimestamp, 64
	switch t := t.(type) {
	case *arrow.Date32Type:
		unit, bits = 24*time.Hour, 32
	case *arrow.Date64Type:
		unit = time.Millisecond
	case *arrow.TimestampType:
		unit = t.Unit.Multiplier()
	case *arrow.Time32Type:
		unit, clock, bits = t.Unit.Multiplier(), expr.LiteralTime, 32
	case *arrow.Time64Type:
		unit, clock = t.Unit.Multiplier(), expr.LiteralTime
	case *arrow.DurationType:
		unit, clock = t.Unit.Multiplier(), expr.LiteralDuration
	default:
		return nil, 0, nil, nil, false
	}
	var ns *big.Int
	if clock == expr.LiteralTimestamp {
		at, ok := l.Time()
		if !ok {
			return nil, 0, nil, nil, false
		}
		ns = new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(1e9))
		ns.Add(ns, big.NewInt(int64(at.Nanosecond())))
	} else {
		span, ok := l.Duration()
		if !ok || l.Kind() != clock {
			return nil, 0, nil, nil, false
		}
		ns = big.NewInt(int64(span))
	}
	low, high = bounds(bits, true)
	return new(big.Rat).SetFrac(ns, big.NewInt(int64(unit))), 0, low, high, true
}

// number is the exact value of a numeric literal; rat is nil for NaN and the infinities.
func number(l expr.Literal) (rat *big.Rat, special float64, ok bool) {
	if v, ok := l.Int(); ok {
		return new(big.Rat).SetInt64(v), 0, true
	}
	if v, ok := l.Uint(); ok {
		return new(big.Rat).SetUint64(v), 0, true
	}
	if v, scale, ok := l.Decimal(); ok {
		return scaled(new(big.Rat).SetInt(v), -scale), 0, true
	}
	f, ok := l.Float()
	return new(big.Rat).SetFloat64(f), f, ok
}

func scaled(r *big.Rat, power int32) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil))
	if power < 0 {
		return r.Quo(r, p)
	}
	return r.Mul(r, p)
}

func bounds(bits int, signed bool) (low, high *big.Int) {
	one := big.NewInt(1)
	if !signed {
		high = new(big.Int).Lsh(one, uint(bits))
		return new(big.Int), high.Sub(high, one)
	}
	high = new(big.Int).Lsh(one, uint(bits-1))
	low = new(big.Int).Neg(high)
	return low, new(big.Int).Sub(high, one)
}

// valueType looks through dictionaries and extension types.
func valueType(t arrow.DataType) arrow.DataType {
	for {
		switch x := t.(type) {
		case arrow.ExtensionType:
			t = x.StorageType()
		case *arrow.DictionaryType:
			t = x.ValueType
		default:
			return t
		}
	}
}
