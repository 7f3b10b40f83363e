package sqlplan

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// DuckDB is the dialect of DuckDB, with the storage types of backends/duckdb: times of day, durations and date64 are integers.
type DuckDB struct{}

var _ Dialect = DuckDB{}

// Ident quotes a name.
func (DuckDB) Ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Text writes a string constant. A statement ends at a zero byte, so that one is written as a call.
func (DuckDB) Text(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.IndexByte(s, 0) < 0 {
		return quoted
	}
	return "(" + strings.ReplaceAll(quoted, "\x00", "'||chr(0)||'") + ")"
}

// Bytes writes a constant of bytes.
func (DuckDB) Bytes(b []byte) string { return "from_hex('" + hex.EncodeToString(b) + "')" }

// Float writes a floating-point constant. DuckDB orders NaN last and finds it equal to itself.
func (DuckDB) Float(t arrow.DataType, f float64) string {
	name, bits := "DOUBLE", 64
	if t.ID() != arrow.FLOAT64 {
		name, bits = "FLOAT", 32
	}
	text := strconv.FormatFloat(f, 'e', -1, bits)
	switch {
	case math.IsNaN(f):
		text = "nan"
	case math.IsInf(f, 1):
		text = "inf"
	case math.IsInf(f, -1):
		text = "-inf"
	}
	return "'" + text + "'::" + name
}

// Value writes a constant of an integer, decimal or time.
func (DuckDB) Value(t arrow.DataType, v *big.Int) (string, bool) {
	switch t := t.(type) {
	case *arrow.Decimal32Type, *arrow.Decimal64Type, *arrow.Decimal128Type:
		dec := t.(arrow.DecimalType)
		scale := dec.GetScale()
		if scale < 0 || scale > dec.GetPrecision() {
			return "", false
		}
		digits := new(big.Int).Abs(v).String()
		if pad := int(scale) + 1 - len(digits); pad > 0 {
			digits = strings.Repeat("0", pad) + digits
		}
		if cut := len(digits) - int(scale); scale > 0 {
			digits = digits[:cut] + "." + digits[cut:]
		}
		if v.Sign() < 0 {
			digits = "-" + digits
		}
		return fmt.Sprintf("'%s'::DECIMAL(%d,%d)", digits, dec.GetPrecision(), scale), true
	case *arrow.Decimal256Type:
		return "", false
	case *arrow.Date32Type:
		return "(DATE '1970-01-01' + (" + v.String() + ")::INTEGER)", inCalendar(v, 1)
	case *arrow.TimestampType:
		perDay := int64(24*60*60) * int64(1e9) / int64(t.Unit.Multiplier())
		if t.Unit == arrow.Nanosecond {
			return "make_timestamp_ns((" + v.String() + ")::BIGINT)", true
		}
		if !inCalendar(v, perDay) {
			return "", false
		}
		us := new(big.Int).Mul(v, big.NewInt(int64(t.Unit.Multiplier())/1000))
		sql := "make_timestamp((" + us.String() + ")::BIGINT)"
		switch {
		case t.Unit == arrow.Second:
			return sql + "::TIMESTAMP_S", true
		case t.Unit == arrow.Millisecond:
			return sql + "::TIMESTAMP_MS", true
		case t.TimeZone != "":
			return "make_timestamptz((" + us.String() + ")::BIGINT)", true
		}
		return sql, true
	}
	return v.String(), true
}

// inCalendar keeps to dates that DuckDB's functions accept: within 100,000 years.
func inCalendar(v *big.Int, perDay int64) bool {
	limit := new(big.Int).Mul(big.NewInt(36_500_000), big.NewInt(perDay))
	return v.CmpAbs(limit) < 0
}

// Field takes a field of a struct.
func (DuckDB) Field(sql, field string) string {
	return "struct_extract(" + sql + ", " + DuckDB{}.Text(field) + ")"
}

// Prefix is the condition that a text begins with a constant.
func (d DuckDB) Prefix(sql, prefix string) string {
	return "starts_with(" + sql + ", " + d.Text(prefix) + ")"
}

// Like is the condition that a text matches a pattern.
func (d DuckDB) Like(sql, pattern string) string {
	return sql + " LIKE " + d.Text(pattern) + ` ESCAPE '\'`
}

// SHA256 is the digest of a text.
func (DuckDB) SHA256(sql string) string { return "sha256(" + sql + ")" }

// Concat joins texts; concat skips NULL.
func (DuckDB) Concat(sql ...string) string { return "concat(" + list(sql) + ")" }

// Escape escapes a version.
func (DuckDB) Escape(sql string) string {
	return `replace(replace(` + sql + `, '\', '\\'), '|', '\|')`
}

// IDText is the canonical text of an id.
func (DuckDB) IDText(t arrow.DataType, sql string) (string, bool) {
	switch t := valueType(t); t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return sql, true
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return "lower(hex(" + sql + "))", true
	case arrow.DATE32:
		return "(" + sql + " - DATE '1970-01-01')::VARCHAR", true
	case arrow.TIMESTAMP:
		switch t.(*arrow.TimestampType).Unit {
		case arrow.Nanosecond:
			return "epoch_ns(" + sql + ")::VARCHAR", true
		case arrow.Microsecond:
			return "epoch_us(" + sql + ")::VARCHAR", true
		case arrow.Second, arrow.Millisecond: // DuckDB's epoch would give a fraction
		}
		return "", false
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.DATE64, arrow.TIME32, arrow.TIME64:
		return sql + "::VARCHAR", true
	}
	return "", false
}

// Aggregate joins the texts of a group.
func (DuckDB) Aggregate(sql, order string) string {
	return "string_agg(" + sql + ", '|' ORDER BY " + order + ")"
}
