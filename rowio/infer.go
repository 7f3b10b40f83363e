package rowio

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// kindOf is what a column's texts have in common, a set of bits.
type kinds uint8

const (
	kindInt kinds = 1 << iota
	kindFloat
	kindBool
	kindDate
	kindTime  // a moment, with a zone
	kindLocal // date and time without a zone
	allKinds  = kindInt | kindFloat | kindBool | kindDate | kindTime | kindLocal
)

var kindTypes = []struct {
	kind kinds
	t    arrow.DataType
}{
	{kindInt, arrow.PrimitiveTypes.Int64},
	{kindFloat, arrow.PrimitiveTypes.Float64},
	{kindBool, arrow.FixedWidthTypes.Boolean},
	{kindDate, arrow.FixedWidthTypes.Date32},
	{kindTime, timestampUTC},
	{kindLocal, &arrow.TimestampType{Unit: arrow.Microsecond}},
}

var (
	dateText = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	timeText = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[-+][0-9]{2}:[0-9]{2})?$`)
)

// kindsOf tells what a text can be read as without loss: "007" is no integer,
// because its zeros would go.
func kindsOf(v string) kinds {
	switch c := v[0]; {
	case c == '-' || c >= '0' && c <= '9':
	case c == 't' || c == 'f' || c == 'T' || c == 'F':
		if l := strings.ToLower(v); l == "true" || l == "false" {
			return kindBool
		}
		return 0
	default:
		return 0
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		if strconv.FormatInt(n, 10) == v {
			return kindInt | kindFloat
		}
		return 0
	}
	if isFloat(v) {
		return kindFloat
	}
	if dateText.MatchString(v) {
		if _, err := time.Parse(time.DateOnly, v); err == nil {
			return kindDate
		}
		return 0
	}
	if m := timeText.FindStringSubmatch(v); m != nil {
		zone := m[2] != ""
		layout := "2006-01-02T15:04:05"
		if zone {
			layout = time.RFC3339
		}
		if _, err := time.Parse(layout, strings.Replace(v, " ", "T", 1)); err == nil {
			if zone {
				return kindTime
			}
			return kindLocal
		}
	}
	return 0
}

// isFloat reports a decimal number with a fraction or an exponent and without a
// leading zero that would go. An integer beyond int64 is none.
func isFloat(v string) bool {
	v = strings.TrimPrefix(v, "-")
	whole := digits(v)
	if whole == 0 || whole > 1 && v[0] == '0' {
		return false
	}
	v = v[whole:]
	marked := false
	if fraction, ok := strings.CutPrefix(v, "."); ok {
		n := digits(fraction)
		if n == 0 {
			return false
		}
		v, marked = fraction[n:], true
	}
	if v != "" && (v[0] == 'e' || v[0] == 'E') {
		exponent := v[1:]
		if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
			exponent = exponent[1:]
		}
		n := digits(exponent)
		if n == 0 {
			return false
		}
		v, marked = exponent[n:], true
	}
	return marked && v == ""
}

// digits counts the decimal digits that a text begins with.
func digits(v string) int {
	n := 0
	for n < len(v) && v[n] >= '0' && v[n] <= '9' {
		n++
	}
	return n
}

// guesses narrows the types of CSV columns row by row.
type guesses struct {
	fixed []arrow.DataType // nil where the type is inferred
	can   []kinds
	seen  []bool
	open  int // columns that can still change
}

func newGuesses(header []string, types map[string]arrow.DataType) *guesses {
	g := &guesses{fixed: make([]arrow.DataType, len(header)), can: make([]kinds, len(header)), seen: make([]bool, len(header))}
	for i, name := range header {
		g.can[i] = allKinds
		if strings.HasPrefix(name, foldPrefix) {
			g.fixed[i] = arrow.BinaryTypes.String
		} else if t, ok := types[name]; ok {
			g.fixed[i] = t
		} else {
			g.open++
		}
	}
	return g
}

// settled reports whether further rows can change nothing.
func (g *guesses) settled() bool { return g.open == 0 }

func (g *guesses) add(rec []string) {
	for i, v := range rec {
		if v == "" || g.fixed[i] != nil || g.can[i] == 0 {
			continue
		}
		g.seen[i] = true
		if g.can[i] &= kindsOf(v); g.can[i] == 0 {
			g.open--
		}
	}
}

func (g *guesses) types() []arrow.DataType {
	out := make([]arrow.DataType, len(g.fixed))
	for i, t := range g.fixed {
		out[i] = arrow.BinaryTypes.String
		if t != nil {
			out[i] = t
			continue
		}
		if !g.seen[i] {
			continue
		}
		for _, k := range kindTypes {
			if g.can[i]&k.kind != 0 {
				out[i] = k.t
				break
			}
		}
	}
	return out
}

// cellParser appends texts to a column; the empty text is null.
func cellParser(b array.Builder) func(string) error {
	switch b := b.(type) {
	case *array.StringBuilder:
		return func(v string) error {
			if v == "" {
				b.AppendNull()
			} else {
				b.Append(v)
			}
			return nil
		}
	case *array.Int64Builder:
		return func(v string) error {
			if v == "" {
				b.AppendNull()
				return nil
			}
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return err
			}
			b.Append(n)
			return nil
		}
	case *array.BooleanBuilder:
		return func(v string) error {
			if v == "" {
				b.AppendNull()
				return nil
			}
			yes, err := strconv.ParseBool(strings.ToLower(v))
			if err != nil {
				return err
			}
			b.Append(yes)
			return nil
		}
	}
	return func(v string) error {
		if v == "" {
			b.AppendNull()
			return nil
		}
		return b.AppendValueFromString(v)
	}
}
