package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
)

// Kind returns the literal's kind.
func (l Literal) Kind() LiteralKind { return l.kind }

// IsNull reports whether the literal is NULL.
func (l Literal) IsNull() bool { return l.kind == LiteralNull }

// Err returns why the literal is invalid; nil for every literal that is not.
func (l Literal) Err() error {
	if l.kind != LiteralInvalid {
		return nil
	}
	return errors.New(l.str)
}

// Equal reports whether both literals are of one kind and value; 1 and 1.0 are not.
func (l Literal) Equal(m Literal) bool {
	l.at, m.at = 0, 0
	return l == m
}

// Bool returns the value of a boolean.
func (l Literal) Bool() (v, ok bool) { return l.num != 0, l.kind == LiteralBool }

// Int returns the value of an integer that an int64 holds.
func (l Literal) Int() (int64, bool) { return l.num, l.kind == LiteralInt }

// Uint returns the value of an integer that is not negative.
func (l Literal) Uint() (uint64, bool) {
	return uint64(l.num), l.kind == LiteralUint || l.kind == LiteralInt && l.num >= 0
}

// Float returns the value of a floating point number.
func (l Literal) Float() (float64, bool) {
	return math.Float64frombits(uint64(l.num)), l.kind == LiteralFloat
}

// Text returns the value of a string.
func (l Literal) Text() (string, bool) { return l.str, l.kind == LiteralString }

// Bytes returns a copy of a byte string.
func (l Literal) Bytes() ([]byte, bool) {
	if l.kind != LiteralBytes {
		return nil, false
	}
	return []byte(l.str), true
}

// Time returns the instant of a timestamp, or the midnight of a date, in UTC.
func (l Literal) Time() (time.Time, bool) {
	switch l.kind {
	case LiteralTimestamp:
		return time.Unix(l.num, int64(l.aux)).UTC(), true
	case LiteralDate:
		return time.Unix(l.num*secondsPerDay, 0).UTC(), true
	default:
		return time.Time{}, false
	}
}

// Duration returns the value of a duration, or the time since midnight of a time of day.
func (l Literal) Duration() (time.Duration, bool) {
	return time.Duration(l.num), l.kind == LiteralDuration || l.kind == LiteralTime
}

// Decimal returns the value of a decimal: unscaled / 10^scale.
func (l Literal) Decimal() (unscaled *big.Int, scale int32, ok bool) {
	if l.kind != LiteralDecimal {
		return nil, 0, false
	}
	unscaled, ok = new(big.Int).SetString(l.str, 10)
	return unscaled, l.aux, ok
}

// Any returns the value as Go's database drivers take it: nil, bool, int64, uint64, float64, string, []byte, time.Time (timestamps and
// dates), time.Duration (times of day and durations), or the digits of a decimal as a string.
func (l Literal) Any() any {
	switch l.kind {
	case LiteralBool:
		return l.num != 0
	case LiteralInt:
		return l.num
	case LiteralUint:
		return uint64(l.num)
	case LiteralFloat:
		return math.Float64frombits(uint64(l.num))
	case LiteralString:
		return l.str
	case LiteralBytes:
		return []byte(l.str)
	case LiteralTimestamp, LiteralDate:
		t, _ := l.Time()
		return t
	case LiteralTime, LiteralDuration:
		return time.Duration(l.num)
	case LiteralDecimal:
		return l.decimalText()
	default:
		return nil
	}
}

// String returns the literal as the filter text has it, such as 'it”s' or TIMESTAMP '2026-01-02T03:04:05Z'.
func (l Literal) String() string {
	var b strings.Builder
	writeLiteral(&b, l)
	return b.String()
}

func (l Literal) decimalText() string {
	digits, sign := l.str, ""
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], "-"
	}
	scale := int(l.aux)
	if scale <= 0 {
		return sign + digits
	}
	if n := scale + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	return fmt.Sprintf("%s%s.%s", sign, digits[:len(digits)-scale], digits[len(digits)-scale:])
}
