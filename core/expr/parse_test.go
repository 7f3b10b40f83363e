package expr_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core/expr"
)

func TestParse(t *testing.T) {
	col := expr.Col
	for _, c := range []struct {
		text string
		want expr.Expr
	}{
		{"a = 1", col("a").Eq(1)},
		{"a == 1", col("a").Eq(1)},
		{"a != 1 or a <> 2", expr.Or(col("a").Ne(1), col("a").Ne(2))},
		{"1 < a", col("a").Gt(1)},
		{"TRUE = a", col("a").Eq(true)},
		{"a <= -1.5 And a >= +2", expr.And(col("a").Le(-1.5), col("a").Ge(2))},
		{"a = 1 OR b = 2 AND NOT c = 3", expr.Or(col("a").Eq(1), expr.And(col("b").Eq(2), expr.Not(col("c").Eq(3))))},
		{"(a = 1 OR b = 2) AND c", expr.And(expr.Or(col("a").Eq(1), col("b").Eq(2)), col("c").Eq(true))},
		{"a in (1, 'x', NULL)", col("a").In(1, "x", nil)},
		{"a IN ()", col("a").In()},
		{"a NOT IN (1)", expr.Not(col("a").In(1))},
		{"a BETWEEN 1 AND 2 AND b", expr.And(col("a").Between(1, 2), col("b").Eq(true))},
		{"a NOT BETWEEN 1 AND 2", expr.Not(col("a").Between(1, 2))},
		{"a IS NULL", col("a").IsNull()},
		{"a IS NOT NULL", col("a").IsNotNull()},
		{"a LIKE 'x%'", col("a").Like("x%")},
		{"a NOT LIKE 'x%'", expr.Not(col("a").Like("x%"))},
		{"starts_with(a.b, 'x')", col("a.b").HasPrefix("x")},
		{"a STARTS WITH 'x'", col("a").HasPrefix("x")},
		{"NOT starts_with(a, 'x')", expr.Not(col("a").HasPrefix("x"))},
		{"TRUE", expr.True()},
		{"not false", expr.Not(expr.False())},
		{`"odd name".x = 'it''s'`, expr.Field("odd name", "x").Eq("it's")},
		{`"a.b"."say ""hi""" = 1`, expr.Field("a.b", `say "hi"`).Eq(1)},
		{"date = DATE '2026-01-02'", col("date").Eq(expr.Date(2026, 1, 2))},
		{"t > timestamp '2026-01-02T03:04:05.000000006+01:00'", col("t").Gt(time.Date(2026, 1, 2, 2, 4, 5, 6, time.UTC))},
		{"t > TIMESTAMP '2026-01-02 03:04:05'", col("t").Gt(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))},
		{"t = TIME '03:04:05.5'", col("t").Eq(expr.TimeOfDay(3*time.Hour + 4*time.Minute + 5500*time.Millisecond))},
		{"d < DURATION '1h30m'", col("d").Lt(90 * time.Minute)},
		{"b = X'DEADbeef'", col("b").Eq([]byte{0xde, 0xad, 0xbe, 0xef})},
		{"a = DECIMAL '-12.50'", col("a").Eq(expr.Decimal("-12.50"))},
		{"a = 18446744073709551615", col("a").Eq(uint64(1<<64 - 1))},
		{"a = -9223372036854775808", col("a").Eq(int64(-1 << 63))},
		{"a = 99999999999999999999", col("a").Eq(expr.Decimal("99999999999999999999"))},
		{"größe = 1e3", col("größe").Eq(1000.0)},
		{"starts_with = 1", col("starts_with").Eq(1)},
	} {
		got, err := expr.Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if !expr.Equal(got, c.want) {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
	}
}

func TestPrint(t *testing.T) {
	col := expr.Col
	for _, c := range []struct {
		e           expr.Expr
		text, shape string
	}{
		{col("a").NotIn(1, "x"), "a NOT IN (1, 'x')", "a NOT IN (?)"},
		{col("a").IsNotNull(), "a IS NOT NULL", "a IS NOT NULL"},
		{expr.Not(col("a").Between(1, 2)), "a NOT BETWEEN 1 AND 2", "a NOT BETWEEN ? AND ?"},
		{expr.Not(col("a").Like("b%")), "a NOT LIKE 'b%'", "a NOT LIKE ?"},
		{expr.Not(expr.Not(col("a").Eq(1.0))), "NOT NOT a = 1.0", "NOT NOT a = ?"}, //nolint:dupword // the case tested
		{expr.And(col("a").Eq("x"), expr.Or(col("b").Gt(1), col("c.d").IsNull())), "a = 'x' AND (b > 1 OR c.d IS NULL)", "a = ? AND (b > ? OR c.d IS NULL)"},
		{expr.Not(expr.And(col("a").Eq(1), col("b").Eq(2))), "NOT (a = 1 AND b = 2)", "NOT (a = ? AND b = ?)"},
		{col("region").HasPrefix("us-"), "starts_with(region, 'us-')", "starts_with(region, ?)"},
		{expr.Field("null", "a-b").Eq(nil), `"null"."a-b" = NULL`, `"null"."a-b" = ?`},
		{col("x").Eq([]byte{1}), "x = X'01'", "x = ?"},
		{expr.And(), "", ""},
		{expr.Or(), "FALSE", "FALSE"},
	} {
		if c.e != nil && c.e.String() != c.text {
			t.Errorf("%s, want %s", c.e, c.text)
		}
		if got := expr.Shape(c.e); got != c.shape {
			t.Errorf("shape %s, want %s", got, c.shape)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, detail string }{
		{"", "filter:1:1: the filter is empty; write TRUE for every row\n  \n  ^"},
		{"a = NULL", "filter:1:3: = NULL is unknown for every row; write IS NULL\n  a = NULL\n    ^"},
		{"NULL <> a", "filter:1:6: <> NULL is unknown for every row; write IS NOT NULL\n  NULL <> a\n       ^"}, //nolint:dupword // the line below the message
		{"é = 'x' AND b LKE 'y'", "filter:1:15: unknown operator \"LKE\", did you mean LIKE?\n  é = 'x' AND b LKE 'y'\n                ^"},
		{"a = 1\nAND\tb = ", "filter:2:9: unexpected the end, want a literal\n  AND b = \n          ^"},
		{"a = 'x", "filter:1:5: this quote is not closed\n  a = 'x\n      ^"},
		{`a = "x"`, "filter:1:5: double quotes name a column, which cannot be compared with another; write a string in single quotes\n  a = \"x\"\n      ^"},
		{"a = b", "filter:1:5: a column is compared with a literal, not with another column; write a string in single quotes\n  a = b\n      ^"},
		{"1 = 1", "filter:1:5: a comparison needs a column on one side\n  1 = 1\n      ^"},
		{"(a = 1", "filter:1:7: unexpected the end, want )\n  (a = 1\n        ^"},
		{"a = 1)", "filter:1:6: unexpected ), want AND, OR or the end\n  a = 1)\n       ^"},
		{"a = 1 b = 2", "filter:1:7: unexpected a name, want AND, OR or the end\n  a = 1 b = 2\n        ^"},
		{"a IN (1 2)", "filter:1:9: unexpected a number, want a comma or )\n  a IN (1 2)\n          ^"},
		{"a BETWEEN 1 OR 2", "filter:1:13: unexpected OR, want AND and the upper bound\n  a BETWEEN 1 OR 2\n              ^"},
		{"a BETWEEN NULL AND 2", "filter:1:11: NULL is no bound\n  a BETWEEN NULL AND 2\n            ^"},
		{"a IS 3", "filter:1:6: unexpected a number, want NULL\n  a IS 3\n       ^"},
		{"a LIKE 5", "filter:1:8: unexpected a number, want a pattern\n  a LIKE 5\n         ^"},
		{`a LIKE 'x\'`, "filter:1:8: the pattern ends with the escape character; write \\\\ for a backslash\n  a LIKE 'x\\'\n         ^"},
		{"a = DATE '2026-13-01'", "filter:1:5: a date is written as DATE '2026-01-02'\n  a = DATE '2026-13-01'\n      ^"},
		{"a = X'abc'", "filter:1:5: bytes are written as pairs of hexadecimal digits: X'deadbeef'\n  a = X'abc'\n      ^"},
		{"a = 1e999", "filter:1:5: this number is out of the range of floats; write DECIMAL '...' for an exact one\n  a = 1e999\n      ^"},
		{"a = 12abc", "filter:1:5: this is neither a number nor a name; a name that begins with a digit is put in double quotes\n  a = 12abc\n      ^"},
		{"a = 1; DROP", "filter:1:6: this character has no meaning here; names with unusual characters are put in double quotes\n  a = 1; DROP\n       ^"},
		{"NULL", "filter:1:5: unexpected the end, want a comparison of the literal with a column\n  NULL\n      ^"},
		{"a. = 1", "filter:1:4: unexpected =, want a column\n  a. = 1\n     ^"},
		{"AND", "filter:1:1: unexpected AND, want a column\n  AND\n  ^"},
		{"a = -'x'", "filter:1:6: unexpected a string, want a number after -\n  a = -'x'\n       ^"},
	} {
		_, err := expr.Parse(c.text)
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if e.Detail() != c.detail {
			t.Errorf("%s:\n%s\nwant\n%s", c.text, e.Detail(), c.detail)
		}
	}
}

func TestParseBounds(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 1e5), strings.Repeat("NOT ", 1e5) + "a", strings.Repeat("a", expr.MaxTextLen+1),
		"a = " + strings.Repeat("9", 1e5), strings.Repeat("(", expr.MaxDepth+1) + "a" + strings.Repeat(")", expr.MaxDepth+1),
	} {
		if _, err := expr.Parse(text); err == nil {
			t.Errorf("a text of %d bytes beginning with %q was accepted", len(text), text[:4])
		} else if len(err.Error()) > 200 {
			t.Errorf("the error is %d bytes long", len(err.Error()))
		}
	}
	deep := strings.Repeat("(", expr.MaxDepth) + "a" + strings.Repeat(")", expr.MaxDepth)
	if _, err := expr.Parse(deep); err != nil {
		t.Error(err)
	}
	wide := strings.Repeat("a OR ", 1e5) + "a"
	if _, err := expr.Parse(wide); err != nil {
		t.Error(err)
	}
}

func TestLongLineIsCut(t *testing.T) {
	_, err := expr.Parse(strings.Repeat("a OR ", 100) + "= " + strings.Repeat("OR a ", 100))
	var e *expr.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	lines := strings.Split(e.Detail(), "\n")
	if len(lines) != 3 || len(lines[1]) > 120 || lines[1][strings.Index(lines[2], "^")] != '=' {
		t.Errorf("%s", e.Detail())
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a = 1", "a IN (1, 'x', NULL)", "NOT (a OR b) AND c.d IS NOT NULL", `"odd ""name""".x LIKE 'a\_%'`, "a BETWEEN DATE '2026-01-02' AND TIMESTAMP '2026-01-02T03:04:05Z'",
		"starts_with(a, 'x') OR b STARTS WITH 'y'", "a = X'00ff' OR a = DECIMAL '1.50' OR a = FLOAT '-Infinity'", "TIME '23:59:59.999' > a", "a = DURATION '-1h'", "a = -0.0",
		"1e5 <= a AND a = 18446744073709551615", "TRUE AND NOT FALSE", "((((a))))", "a = 'it''s'", "a = ", "'", "\xff = 1", "a\n=\n1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := expr.Parse(text)
		if err != nil {
			var pe *expr.Error
			if !errors.As(err, &pe) || pe.Line < 1 || pe.Column < 1 || pe.Offset < 0 || pe.Offset > len(text) {
				t.Fatalf("%q: error %#v", text, err)
			}
			_ = pe.Detail()
			return
		}
		if err := expr.Check(e); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		printed := e.String()
		back, err := expr.Parse(printed)
		if len(printed) > expr.MaxTextLen {
			return // quotes and TRUE may make the printed text longer
		}
		if err != nil || !expr.Equal(e, back) {
			t.Fatalf("%q was printed as %q and read back as %v: %v", text, printed, back, err)
		}
		if c := expr.Canonical(e); c != nil && !expr.Equal(expr.Canonical(c), c) {
			t.Fatalf("the canonical form of %s is not stable", c)
		}
		_, _ = expr.Bind(e, nil)
	})
}
