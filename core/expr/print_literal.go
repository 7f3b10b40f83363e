package expr

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
)

// Layouts of the typed literals; the parser reads what they print.
const (
	timestampLayout = "2006-01-02T15:04:05.999999999Z07:00"
	dateLayout      = "2006-01-02"
	timeLayout      = "15:04:05.999999999"
)

func writeLiteral(b *strings.Builder, l Literal) {
	typed := func(name, text string) {
		b.WriteString(name)
		b.WriteByte(' ')
		quote(b, text, '\'')
	}
	switch l.kind {
	case LiteralNull:
		b.WriteString("NULL")
	case LiteralBool:
		if l.num != 0 {
			b.WriteString("TRUE")
		} else {
			b.WriteString("FALSE")
		}
	case LiteralInt:
		b.WriteString(strconv.FormatInt(l.num, 10))
	case LiteralUint:
		b.WriteString(strconv.FormatUint(uint64(l.num), 10))
	case LiteralFloat:
		writeFloat(b, math.Float64frombits(uint64(l.num)), typed)
	case LiteralString:
		quote(b, l.str, '\'')
	case LiteralBytes:
		b.WriteString("X'" + hex.EncodeToString([]byte(l.str)) + "'")
	case LiteralTimestamp:
		typed("TIMESTAMP", time.Unix(l.num, int64(l.aux)).UTC().Format(timestampLayout))
	case LiteralDate:
		typed("DATE", time.Unix(l.num*secondsPerDay, 0).UTC().Format(dateLayout))
	case LiteralTime:
		typed("TIME", time.Unix(0, l.num).UTC().Format(timeLayout))
	case LiteralDuration:
		typed("DURATION", time.Duration(l.num).String())
	case LiteralDecimal:
		typed("DECIMAL", l.decimalText())
	default:
		b.WriteString("<invalid>")
	}
}

func writeFloat(b *strings.Builder, v float64, typed func(name, text string)) {
	switch {
	case v != v:
		typed("FLOAT", "NaN")
	case math.IsInf(v, 1):
		typed("FLOAT", "Infinity")
	case math.IsInf(v, -1):
		typed("FLOAT", "-Infinity")
	default:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		b.WriteString(s)
		if !strings.ContainsAny(s, ".e") {
			b.WriteString(".0") // without it the text would read back as an integer
		}
	}
}
