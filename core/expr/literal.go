package expr

import (
	"math"
	"strings"
	"time"
)

// LiteralKind is the type of a [Literal].
type LiteralKind uint8

// The kinds of literals.
const (
	LiteralNull LiteralKind = iota // also the zero Literal
	LiteralBool
	LiteralInt
	LiteralUint // an integer above math.MaxInt64 only, so that equal numbers have equal literals
	LiteralFloat
	LiteralString
	LiteralBytes
	LiteralTimestamp
	LiteralDate
	LiteralDecimal
	LiteralTime     // a time of day
	LiteralDuration // an elapsed time
	LiteralInvalid  // a Go value that is no literal; Err says why
)

var literalNames = [...]string{
	"NULL", "a boolean", "an integer", "an integer", "a float", "a string", "bytes", "a timestamp", "a date", "a decimal",
	"a time of day", "a duration", "invalid",
}

// String names the kind with its article, for use in messages: "a string".
func (k LiteralKind) String() string {
	if int(k) < len(literalNames) {
		return literalNames[k]
	}
	return "unknown"
}

// Literal is a constant. Make one with [Lit] or a constructor of its kind; the zero value is NULL. Compare literals with Equal.
type Literal struct {
	kind LiteralKind
	at   int32  // byte offset in the text it was parsed from, plus one
	aux  int32  // nanoseconds of a timestamp, scale of a decimal
	num  int64  // bool, int, bits of uint and float, seconds of a timestamp, days of a date, nanoseconds of a time or duration
	str  string // string, bytes, unscaled digits of a decimal, the reason of an invalid literal
}

const maxDecimalDigits = 76 // what decimal256 holds

// Null returns NULL.
func Null() Literal { return Literal{} }

// Bool returns TRUE or FALSE.
func Bool(v bool) Literal {
	if v {
		return Literal{kind: LiteralBool, num: 1}
	}
	return Literal{kind: LiteralBool}
}

// Int returns an integer.
func Int(v int64) Literal { return Literal{kind: LiteralInt, num: v} }

// Uint returns an integer; its kind is LiteralInt when an int64 holds it.
func Uint(v uint64) Literal {
	if v <= math.MaxInt64 {
		return Int(int64(v))
	}
	return Literal{kind: LiteralUint, num: int64(v)}
}

// Float returns a floating point number. NaN is a value like any other; -0.0 becomes 0.0, which it equals.
func Float(v float64) Literal {
	switch {
	case v == 0:
		v = 0
	case v != v:
		v = math.NaN() // one bit pattern for all
	}
	return Literal{kind: LiteralFloat, num: int64(math.Float64bits(v))}
}

// String returns a string.
func String(v string) Literal { return Literal{kind: LiteralString, str: v} }

// Bytes returns a byte string; v is copied.
func Bytes(v []byte) Literal { return Literal{kind: LiteralBytes, str: string(v)} }

// Time returns a timestamp with nanoseconds, of the years 1 to 9999. The instant counts, its zone does not.
func Time(v time.Time) Literal {
	v = v.UTC()
	if y := v.Year(); y < 1 || y > 9999 {
		return invalid("a timestamp must be of the years 1 to 9999")
	}
	return Literal{kind: LiteralTimestamp, num: v.Unix(), aux: int32(v.Nanosecond())}
}

// Date returns a date of the years 1 to 9999, normalized as [time.Date] does.
func Date(year int, month time.Month, day int) Literal {
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if y := t.Year(); y < 1 || y > 9999 {
		return invalid("a date must be of the years 1 to 9999")
	}
	return Literal{kind: LiteralDate, num: t.Unix() / secondsPerDay}
}

// TimeOfDay returns a time of day as the time since midnight, less than 24 hours.
func TimeOfDay(v time.Duration) Literal {
	if v < 0 || v >= 24*time.Hour {
		return invalid("a time of day must be at least 0 and less than 24 hours")
	}
	return Literal{kind: LiteralTime, num: int64(v)}
}

// Duration returns an elapsed time.
func Duration(v time.Duration) Literal { return Literal{kind: LiteralDuration, num: int64(v)} }

// Decimal returns an exact decimal number written as -12.50, of at most 76 digits and without an exponent.
func Decimal(text string) Literal {
	digits := text
	neg := false
	if strings.HasPrefix(digits, "-") || strings.HasPrefix(digits, "+") {
		neg = digits[0] == '-'
		digits = digits[1:]
	}
	whole, frac, dotted := strings.Cut(digits, ".")
	if whole == "" || dotted && frac == "" || strings.Trim(whole, "0123456789") != "" || strings.Trim(frac, "0123456789") != "" {
		return invalid("a decimal must be digits with at most one point between them")
	}
	unscaled := strings.TrimLeft(whole+frac, "0")
	if len(unscaled) > maxDecimalDigits || len(frac) > maxDecimalDigits {
		return invalid("a decimal must have at most 76 digits")
	}
	switch {
	case unscaled == "":
		unscaled = "0"
	case neg:
		unscaled = "-" + unscaled
	}
	return Literal{kind: LiteralDecimal, str: unscaled, aux: int32(len(frac))}
}

func invalid(reason string) Literal { return Literal{kind: LiteralInvalid, str: reason} }
