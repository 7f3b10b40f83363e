package expr

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// atLiteral reports whether a literal comes next.
func (p *parser) atLiteral() bool {
	t := p.peek()
	switch t.kind {
	case tokenString, tokenNumber:
		return true
	case tokenSymbol:
		return t.text == "-" || t.text == "+"
	case tokenName:
		return t.upper == "TRUE" || t.upper == "FALSE" || t.upper == "NULL" || p.peek2().kind == tokenString && typedLiterals[t.upper] != nil
	default:
		return false
	}
}

func (p *parser) literal() (Literal, error) {
	if t := p.peek(); !p.atLiteral() {
		return Literal{}, p.fail(t, "unexpected %s, want a literal", t.describe())
	}
	t := p.take()
	var l Literal
	switch t.kind {
	case tokenString:
		l = String(t.text)
	case tokenNumber:
		l = numeric(t.text)
	case tokenSymbol:
		n := p.take()
		if n.kind != tokenNumber {
			return l, p.fail(n, "unexpected %s, want a number after %s", n.describe(), t.text)
		}
		l = numeric(strings.TrimPrefix(t.text, "+") + n.text)
	default:
		switch t.upper {
		case "NULL":
		case "TRUE", "FALSE":
			l = Bool(t.upper == "TRUE")
		default:
			l = typedLiterals[t.upper](p.take().text)
		}
	}
	if err := l.Err(); err != nil {
		return l, p.fail(t, "%s", err.Error())
	}
	l.at = int32(t.at) + 1
	return l, nil
}

// numeric reads a number with its sign.
func numeric(text string) Literal {
	if !strings.ContainsAny(text, ".eE") {
		if len(text) > 2*maxDecimalDigits { // before the conversion, whose cost grows faster than the length
			return invalid("an integer must have at most 76 digits")
		}
		v, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return invalid("this is no number")
		}
		return integer(v)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return invalid("this number is out of the range of floats; write DECIMAL '...' for an exact one")
	}
	return Float(v)
}

// typedLiterals read the string of literals such as DATE '2026-01-02'.
var typedLiterals = map[string]func(string) Literal{
	"X":         hexBytes,
	"DECIMAL":   Decimal,
	"FLOAT":     floatText,
	"TIMESTAMP": timestampText,
	"DATE":      dateText,
	"TIME":      timeText,
	"DURATION":  durationText,
}

func hexBytes(s string) Literal {
	b, err := hex.DecodeString(s)
	if err != nil {
		return invalid("bytes are written as pairs of hexadecimal digits: X'deadbeef'")
	}
	return Bytes(b)
}

func floatText(s string) Literal {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return invalid("a float is written as FLOAT '1.5', FLOAT 'NaN' or FLOAT '-Infinity'")
	}
	return Float(v)
}

func timestampText(s string) Literal {
	for _, layout := range []string{
		timestampLayout, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", dateLayout,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return Time(t)
		}
	}
	return invalid("a timestamp is written as TIMESTAMP '2026-01-02T03:04:05Z'")
}

func dateText(s string) Literal {
	t, err := time.Parse(dateLayout, s)
	if err != nil {
		return invalid("a date is written as DATE '2026-01-02'")
	}
	return Date(t.Date())
}

func timeText(s string) Literal {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return invalid("a time of day is written as TIME '03:04:05'")
	}
	return TimeOfDay(t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)))
}

func durationText(s string) Literal {
	v, err := time.ParseDuration(s)
	if err != nil {
		return invalid("a duration is written as DURATION '1h30m'")
	}
	return Duration(v)
}
