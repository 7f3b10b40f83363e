package sqlplan_test

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core/expr"
)

var types = map[string]arrow.DataType{
	"i8": arrow.PrimitiveTypes.Int8, "u64": arrow.PrimitiveTypes.Uint64, "f": arrow.PrimitiveTypes.Float32, "s": arrow.BinaryTypes.String,
	"ms": &arrow.TimestampType{Unit: arrow.Millisecond}, "day": arrow.FixedWidthTypes.Date32, "dec": &arrow.Decimal128Type{Precision: 6, Scale: 2},
	"wide": &arrow.Decimal256Type{Precision: 60, Scale: 0}, "bin": arrow.BinaryTypes.Binary,
}

func columns(path []string) (sqlplan.Column, bool) {
	t, ok := types[path[0]]
	return sqlplan.Column{SQL: path[0], Type: t}, ok
}

// TestFilters holds what the property tests of the backends cannot see: that constants are exact, and that hostile text stays a constant.
func TestFilters(t *testing.T) {
	at := time.Date(2026, 1, 2, 0, 0, 0, 500_000, time.UTC)
	for _, c := range []struct {
		filter   expr.Expr
		pushed   string
		residual string
	}{
		{expr.Col("i8").Eq(5), "(i8 = 5)", ""},
		{expr.Col("i8").Eq(1000), "(i8 IS NULL AND NULL)", ""},
		{expr.Col("i8").Lt(1000), "(i8 IS NOT NULL OR NULL)", ""},
		{expr.Col("i8").Ge(1.5), "(i8 > 1)", ""},
		{expr.Col("u64").Gt(-1), "(u64 IS NOT NULL OR NULL)", ""},
		{expr.Col("f").Eq(0.1), "(f IS NULL AND NULL)", ""},
		{expr.Col("f").Le(0.1), "(f <= '9.9999994e-02'::FLOAT)", ""},
		{expr.Col("s").Eq("it's \\ \"x\"; --"), `(s = 'it''s \ "x"; --')`, ""},
		{expr.Col("s").Eq("a\x00b"), "(s = ('a'||chr(0)||'b'))", ""},
		{expr.Col("s").Like("a\\%_%"), `(s LIKE 'a\%_%' ESCAPE '\')`, ""},
		{expr.Col("s").HasPrefix("%"), "(starts_with(s, '%'))", ""},
		{expr.Col("bin").Ne([]byte{0, 255}), "(bin <> from_hex('00ff'))", ""},
		{expr.Col("ms").Lt(at), "(ms <= make_timestamp((1767312000000000)::BIGINT)::TIMESTAMP_MS)", ""},
		{expr.Col("day").Eq(at), "(day IS NULL AND NULL)", ""},
		{expr.Col("dec").Between(expr.Decimal("0.005"), 3), "((dec > '0.00'::DECIMAL(6,2)) AND (dec <= '3.00'::DECIMAL(6,2)))", ""},
		{expr.Col("i8").In(1, 1000, nil), "((i8 IN (1)) OR NULL)", ""},
		{expr.Col("i8").In(), "FALSE", ""},
		{expr.Not(expr.Or(expr.Col("i8").IsNull(), expr.True())), "(NOT ((i8 IS NULL) OR TRUE))", ""},
		{expr.And(expr.Col("i8").Eq(1), expr.Col("wide").Eq(2), expr.Col("gone").IsNull()), "(i8 = 1)", "wide = 2 AND gone IS NULL"},
		{expr.Or(expr.Col("i8").Eq(1), expr.Col("wide").Eq(2)), "", "i8 = 1 OR wide = 2"},
		{nil, "", ""},
	} {
		pushed, residual := sqlplan.Split(sqlplan.DuckDB{}, c.filter, columns)
		left := ""
		if residual != nil {
			left = residual.String()
		}
		if pushed != c.pushed || left != c.residual {
			t.Errorf("%v:\n\tpushed %s\n\twant   %s\n\tleft   %q, want %q", c.filter, pushed, c.pushed, left, c.residual)
		}
	}
}
