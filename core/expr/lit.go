package expr

import (
	"fmt"
	"math/big"
	"reflect"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// Lit returns the literal of a Go value: nil, booleans, integers, floats, strings (named types of these too), []byte, [time.Time],
// [time.Duration], *[big.Int], or a [Literal]. Any other value gives an invalid literal, which [Check] and [Bind] report.
func Lit(v any) Literal {
	switch v := v.(type) {
	case nil:
		return Null()
	case Literal:
		return v
	case bool:
		return Bool(v)
	case string:
		return String(v)
	case int:
		return Int(int64(v))
	case int64:
		return Int(v)
	case float64:
		return Float(v)
	case time.Time:
		return Time(v)
	case time.Duration:
		return Duration(v)
	case *big.Int:
		if v == nil {
			return Null()
		}
		return integer(v)
	case Column, *Column, Expr:
		return invalid("a column is compared with a literal, not with another column or expression")
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return Bool(r.Bool())
	case reflect.String:
		return String(r.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Int(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Uint(r.Uint())
	case reflect.Float32, reflect.Float64:
		return Float(r.Float())
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return Bytes(r.Bytes())
		}
	default:
	}
	return invalid(fmt.Sprintf("a Go value of type %T is no literal", v))
}

// integer returns the literal of an integer of any size: a decimal beyond 64 bits.
func integer(v *big.Int) Literal {
	switch {
	case v.IsInt64():
		return Int(v.Int64())
	case v.IsUint64():
		return Uint(v.Uint64())
	}
	return Decimal(v.String())
}
