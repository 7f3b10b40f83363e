package expr_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/expr"
)

// The reference evaluator looks at one row at a time. A value is nil (null), bool, string, []byte, float64 (NaN and the infinities only)
// or *big.Rat (numbers; nanoseconds of times), so that every comparison is exact by construction and nothing is shared with the package.

// truth is three-valued: -1 unknown, 0 false, 1 true.
type truth int

func not(t truth) truth {
	if t < 0 {
		return t
	}
	return 1 - t
}

func truthOf(b bool) truth {
	if b {
		return 1
	}
	return 0
}

func evalRow(e expr.Expr, row map[string]any) truth {
	switch n := e.(type) {
	case nil:
		return 1
	case expr.Const:
		return truthOf(n.Value)
	case expr.NotExpr:
		return not(evalRow(n.Term, row))
	case expr.AndExpr:
		out := truth(1)
		for _, t := range n.Terms {
			switch v := evalRow(t, row); {
			case v == 0 || out == 0:
				out = 0
			case v < 0:
				out = -1
			}
		}
		return out
	case expr.OrExpr:
		out := truth(0)
		for _, t := range n.Terms {
			switch v := evalRow(t, row); {
			case v == 1 || out == 1:
				out = 1
			case v < 0:
				out = -1
			}
		}
		return out
	case expr.IsNull:
		return truthOf(row[n.Column.String()] == nil)
	case expr.Compare:
		return compareRow(row[n.Column.String()], n.Op, n.Value)
	case expr.Between:
		v := row[n.Column.String()]
		if v == nil {
			return -1
		}
		return truthOf(compareRow(v, expr.Ge, n.Low) == 1 && compareRow(v, expr.Le, n.High) == 1)
	case expr.In:
		if len(n.Values) == 0 {
			return 0
		}
		out := truth(0)
		for _, l := range n.Values {
			switch v := compareRow(row[n.Column.String()], expr.Eq, l); {
			case v == 1:
				return 1
			case v < 0:
				out = -1
			}
		}
		return out
	case expr.Prefix:
		s, ok := row[n.Column.String()].(string)
		if !ok {
			return -1
		}
		return truthOf(strings.HasPrefix(s, n.Prefix))
	case expr.Like:
		s, ok := row[n.Column.String()].(string)
		if !ok {
			return -1
		}
		return truthOf(like(s, n.Pattern))
	}
	panic(fmt.Sprintf("%T", e))
}

// like is the textbook recursion.
func like(s, pattern string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '%':
		_, n := utf8.DecodeRuneInString(s)
		return like(s, pattern[1:]) || s != "" && like(s[n:], pattern)
	case '_':
		_, n := utf8.DecodeRuneInString(s)
		return s != "" && like(s[n:], pattern[1:])
	case '\\':
		pattern = pattern[1:]
	}
	return s != "" && s[0] == pattern[0] && like(s[1:], pattern[1:])
}

func compareRow(v any, op expr.CompareOp, l expr.Literal) truth {
	if v == nil || l.IsNull() {
		return -1
	}
	c := order(v, model(l))
	switch op {
	case expr.Eq:
		return truthOf(c == 0)
	case expr.Ne:
		return truthOf(c != 0)
	case expr.Lt:
		return truthOf(c < 0)
	case expr.Le:
		return truthOf(c <= 0)
	case expr.Gt:
		return truthOf(c > 0)
	}
	return truthOf(c >= 0)
}

func order(a, b any) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	case bool:
		return int(truthOf(a) - truthOf(b.(bool)))
	}
	// Numbers: by class (-Inf, finite, +Inf, NaN), then by value.
	class := func(v any) int {
		f, ok := v.(float64)
		switch {
		case !ok:
			return 0
		case f != f:
			return 2
		}
		return int(math.Copysign(1, f))
	}
	if ca, cb := class(a), class(b); ca != cb || ca != 0 {
		return ca - cb
	}
	return a.(*big.Rat).Cmp(b.(*big.Rat))
}

// model turns a literal into a value of the reference.
func model(l expr.Literal) any {
	switch v := l.Any().(type) {
	case int64:
		return new(big.Rat).SetInt64(v)
	case uint64:
		return new(big.Rat).SetUint64(v)
	case float64:
		return modelFloat(v)
	case time.Time:
		n := new(big.Int).Mul(big.NewInt(v.Unix()), big.NewInt(1e9))
		return new(big.Rat).SetInt(n.Add(n, big.NewInt(int64(v.Nanosecond()))))
	case time.Duration:
		return new(big.Rat).SetInt64(int64(v))
	case string:
		if l.Kind() == expr.LiteralDecimal {
			r, _ := new(big.Rat).SetString(v)
			return r
		}
		return v
	default:
		return v
	}
}

func modelFloat(f float64) any {
	if r := new(big.Rat).SetFloat64(f); r != nil {
		return r
	}
	return f
}

// column is a column of the generated batches: its type, how to draw a value and add it to a builder, and literals that suit it.
type column struct {
	path    []string
	typ     arrow.DataType
	draw    func(t *rapid.T, b array.Builder) any
	literal func(t *rapid.T) expr.Literal
}

func (c column) ref() expr.Column { return expr.Field(c.path...) }

var (
	edgeInts   = []int64{0, 1, -1, 2, 7, 127, 128, -128, -129, 255, 256, 1000, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}
	edgeFloats = []float64{0, 1, -1, 1.5, -0.5, 0.1, 127.5, 1e19, -1e19, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), 65504, float64(float32(0.1)), 1 << 53}
	edgeTexts  = []string{"", "a", "ab", "abc", "b", "%", "_", "é", "aé", "日本", "a\x00", "\xff", "us-west", `a\b`}
)

func numberLiteral(t *rapid.T) expr.Literal {
	switch rapid.IntRange(0, 4).Draw(t, "literal") {
	case 0:
		return expr.Int(int64(rapid.Int8().Draw(t, "int8")))
	case 1:
		return expr.Int(rapid.SampledFrom(edgeInts).Draw(t, "int"))
	case 2:
		return expr.Uint(rapid.SampledFrom([]uint64{math.MaxUint64, 1 << 63, 1<<63 + 5, 3}).Draw(t, "uint"))
	case 3:
		return expr.Decimal(rapid.SampledFrom([]string{"0.00", "1.5", "-1.50", "12.345", "99999999999999999999999", "-0.001", "127.000"}).Draw(t, "decimal"))
	}
	return expr.Float(rapid.SampledFrom(edgeFloats).Draw(t, "float"))
}

func textLiteral(t *rapid.T) expr.Literal {
	return expr.String(rapid.SampledFrom(edgeTexts).Draw(t, "text"))
}

func bytesLiteral(t *rapid.T) expr.Literal {
	return expr.Bytes([]byte(rapid.SampledFrom(edgeTexts).Draw(t, "bytes")))
}

func boolLiteral(t *rapid.T) expr.Literal { return expr.Bool(rapid.Bool().Draw(t, "bool")) }

func instantLiteral(t *rapid.T) expr.Literal {
	if rapid.Bool().Draw(t, "date") {
		return expr.Date(1970, 1, 1+rapid.IntRange(-3, 3).Draw(t, "day"))
	}
	unit := rapid.SampledFrom([]int64{1, 1e3, 1e6, 1e9, 86400e9}).Draw(t, "unit")
	return expr.Time(time.Unix(0, unit*rapid.Int64Range(-3, 3).Draw(t, "ticks")))
}

func clockLiteral(t *rapid.T) expr.Literal {
	unit := rapid.SampledFrom([]int64{1, 1e3, 1e6, 1e9}).Draw(t, "unit")
	return expr.TimeOfDay(time.Duration(unit * rapid.Int64Range(0, 4).Draw(t, "ticks")))
}

func elapsedLiteral(t *rapid.T) expr.Literal {
	unit := rapid.SampledFrom([]int64{1, 1e3, 1e6, 1e9}).Draw(t, "unit")
	return expr.Duration(time.Duration(unit * rapid.Int64Range(-4, 4).Draw(t, "ticks")))
}

// ints makes the column of an integer type; the value is the edge value as the type holds it.
func ints[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](name string, typ arrow.DataType, add func(array.Builder, T)) column {
	return column{[]string{name}, typ, func(t *rapid.T, b array.Builder) any {
		v := T(rapid.SampledFrom(edgeInts).Draw(t, name))
		add(b, v)
		r, _ := new(big.Rat).SetString(fmt.Sprint(v))
		return r
	}, numberLiteral}
}

func texts(name string, typ arrow.DataType, add func(array.Builder, string)) column {
	return column{[]string{name}, typ, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom(edgeTexts).Draw(t, name)
		add(b, v)
		return v
	}, textLiteral}
}

func blobs(name string, typ arrow.DataType, add func(array.Builder, []byte)) column {
	return column{[]string{name}, typ, func(t *rapid.T, b array.Builder) any {
		v := []byte(rapid.SampledFrom(edgeTexts).Draw(t, name))
		if f, ok := typ.(*arrow.FixedSizeBinaryType); ok {
			v = append(v, make([]byte, f.ByteWidth)...)[:f.ByteWidth]
		}
		add(b, v)
		return v
	}, bytesLiteral}
}

// times makes a column of small tick counts around zero.
func times(name string, typ arrow.DataType, unit, low int64, literal func(*rapid.T) expr.Literal, add func(array.Builder, int64)) column {
	return column{[]string{name}, typ, func(t *rapid.T, b array.Builder) any {
		v := rapid.Int64Range(low, 4).Draw(t, name)
		add(b, v)
		return new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(v), big.NewInt(unit)))
	}, literal}
}

func timestamps(name string, unit arrow.TimeUnit, zone string) column {
	return times(name, &arrow.TimestampType{Unit: unit, TimeZone: zone}, int64(unit.Multiplier()), -4, instantLiteral,
		func(b array.Builder, v int64) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(v)) })
}

func decimalRat(v, scale int64) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(v), new(big.Int).Exp(big.NewInt(10), big.NewInt(scale), nil))
}

var allColumns = []column{
	{[]string{"null"}, arrow.Null, func(t *rapid.T, b array.Builder) any { b.AppendNull(); return nil }, numberLiteral},
	{[]string{"bool"}, arrow.FixedWidthTypes.Boolean, func(t *rapid.T, b array.Builder) any {
		v := rapid.Bool().Draw(t, "bool")
		b.(*array.BooleanBuilder).Append(v)
		return v
	}, boolLiteral},
	ints("int8", arrow.PrimitiveTypes.Int8, func(b array.Builder, v int8) { b.(*array.Int8Builder).Append(v) }),
	ints("int16", arrow.PrimitiveTypes.Int16, func(b array.Builder, v int16) { b.(*array.Int16Builder).Append(v) }),
	ints("int32", arrow.PrimitiveTypes.Int32, func(b array.Builder, v int32) { b.(*array.Int32Builder).Append(v) }),
	ints("int64", arrow.PrimitiveTypes.Int64, func(b array.Builder, v int64) { b.(*array.Int64Builder).Append(v) }),
	ints("uint8", arrow.PrimitiveTypes.Uint8, func(b array.Builder, v uint8) { b.(*array.Uint8Builder).Append(v) }),
	ints("uint16", arrow.PrimitiveTypes.Uint16, func(b array.Builder, v uint16) { b.(*array.Uint16Builder).Append(v) }),
	ints("uint32", arrow.PrimitiveTypes.Uint32, func(b array.Builder, v uint32) { b.(*array.Uint32Builder).Append(v) }),
	ints("uint64", arrow.PrimitiveTypes.Uint64, func(b array.Builder, v uint64) { b.(*array.Uint64Builder).Append(v) }),
	{[]string{"float16"}, arrow.FixedWidthTypes.Float16, func(t *rapid.T, b array.Builder) any {
		v := float16.New(float32(rapid.SampledFrom([]float64{0, 1, 1.5, 65504, math.Inf(1), math.NaN(), -1}).Draw(t, "float16")))
		b.(*array.Float16Builder).Append(v)
		return modelFloat(float64(v.Float32()))
	}, numberLiteral},
	{[]string{"float32"}, arrow.PrimitiveTypes.Float32, func(t *rapid.T, b array.Builder) any {
		v := float32(rapid.SampledFrom(edgeFloats).Draw(t, "float32"))
		b.(*array.Float32Builder).Append(v)
		return modelFloat(float64(v))
	}, numberLiteral},
	{[]string{"float64"}, arrow.PrimitiveTypes.Float64, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom(append(edgeFloats, math.Copysign(0, -1))).Draw(t, "float64")
		b.(*array.Float64Builder).Append(v)
		return modelFloat(v)
	}, numberLiteral},
	{[]string{"decimal128"}, &arrow.Decimal128Type{Precision: 20, Scale: 2}, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom([]int64{0, 150, -150, 12700, -1, 1e15}).Draw(t, "decimal128")
		b.(*array.Decimal128Builder).Append(decimal128.FromI64(v))
		return decimalRat(v, 2)
	}, numberLiteral},
	{[]string{"decimal256"}, &arrow.Decimal256Type{Precision: 60, Scale: 3}, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom([]int64{0, 1500, -1500, 12345, -1, 1e15}).Draw(t, "decimal256")
		b.(*array.Decimal256Builder).Append(decimal256.FromI64(v))
		return decimalRat(v, 3)
	}, numberLiteral},
	{[]string{"decimal32"}, &arrow.Decimal32Type{Precision: 9, Scale: 2}, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom([]int64{0, 150, -150, 12700, -1}).Draw(t, "decimal32")
		b.(*array.Decimal32Builder).Append(decimal.Decimal32(v))
		return decimalRat(v, 2)
	}, numberLiteral},
	{[]string{"decimal64"}, &arrow.Decimal64Type{Precision: 18, Scale: 1}, func(t *rapid.T, b array.Builder) any {
		v := rapid.SampledFrom([]int64{0, 15, -15, 1270, -1, 1e15}).Draw(t, "decimal64")
		b.(*array.Decimal64Builder).Append(decimal.Decimal64(v))
		return decimalRat(v, 1)
	}, numberLiteral},
	texts("string", arrow.BinaryTypes.String, func(b array.Builder, v string) { b.(*array.StringBuilder).Append(v) }),
	texts("large_string", arrow.BinaryTypes.LargeString, func(b array.Builder, v string) { b.(*array.LargeStringBuilder).Append(v) }),
	texts("string_view", arrow.BinaryTypes.StringView, func(b array.Builder, v string) { b.(*array.StringViewBuilder).Append(v) }),
	texts("dictionary", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
		func(b array.Builder, v string) { _ = b.(*array.BinaryDictionaryBuilder).AppendString(v) }),
	blobs("binary", arrow.BinaryTypes.Binary, func(b array.Builder, v []byte) { b.(*array.BinaryBuilder).Append(v) }),
	blobs("large_binary", arrow.BinaryTypes.LargeBinary, func(b array.Builder, v []byte) { b.(*array.BinaryBuilder).Append(v) }),
	blobs("binary_view", arrow.BinaryTypes.BinaryView, func(b array.Builder, v []byte) { b.(*array.BinaryViewBuilder).Append(v) }),
	blobs("fixed_binary", &arrow.FixedSizeBinaryType{ByteWidth: 2}, func(b array.Builder, v []byte) { b.(*array.FixedSizeBinaryBuilder).Append(v) }),
	times("date32", arrow.FixedWidthTypes.Date32, 86400e9, -4, instantLiteral, func(b array.Builder, v int64) { b.(*array.Date32Builder).Append(arrow.Date32(v)) }),
	times("date64", arrow.FixedWidthTypes.Date64, 1e6, -4, instantLiteral, func(b array.Builder, v int64) { b.(*array.Date64Builder).Append(arrow.Date64(v)) }),
	timestamps("timestamp_s", arrow.Second, ""),
	timestamps("timestamp_ms", arrow.Millisecond, "UTC"),
	timestamps("timestamp_us", arrow.Microsecond, "Europe/Berlin"),
	timestamps("timestamp_ns", arrow.Nanosecond, ""),
	times("time32", &arrow.Time32Type{Unit: arrow.Millisecond}, 1e6, 0, clockLiteral, func(b array.Builder, v int64) { b.(*array.Time32Builder).Append(arrow.Time32(v)) }),
	times("time64", &arrow.Time64Type{Unit: arrow.Microsecond}, 1e3, 0, clockLiteral, func(b array.Builder, v int64) { b.(*array.Time64Builder).Append(arrow.Time64(v)) }),
	times("duration", &arrow.DurationType{Unit: arrow.Millisecond}, 1e6, -4, elapsedLiteral, func(b array.Builder, v int64) { b.(*array.DurationBuilder).Append(arrow.Duration(v)) }),
}

// table is a generated batch with the same rows for the reference.
type table struct {
	batch   arrow.RecordBatch
	rows    []map[string]any
	columns []column // those of the schema and the fields of its struct
}

// drawTable makes a batch of some columns and a struct of some more; with nulls, and sliced so that offsets count.
func drawTable(t *rapid.T, mem memory.Allocator) table {
	picked := rapid.SliceOfNDistinct(rapid.IntRange(0, len(allColumns)-1), 1, 4, rapid.ID[int]).Draw(t, "columns")
	inner := rapid.SliceOfNDistinct(rapid.IntRange(1, len(allColumns)-1), 1, 2, rapid.ID[int]).Draw(t, "fields")
	out := table{}
	var fields, structFields []arrow.Field
	for _, i := range picked {
		out.columns = append(out.columns, allColumns[i])
		fields = append(fields, arrow.Field{Name: allColumns[i].path[0], Type: allColumns[i].typ, Nullable: true})
	}
	for _, i := range inner {
		c := allColumns[i]
		structFields = append(structFields, arrow.Field{Name: c.path[0], Type: c.typ, Nullable: true})
		c.path = []string{"odd struct", c.path[0]}
		out.columns = append(out.columns, c)
	}
	fields = append(fields, arrow.Field{Name: "odd struct", Type: arrow.StructOf(structFields...), Nullable: true})
	schema := arrow.NewSchema(fields, nil)
	n := rapid.IntRange(0, 150).Draw(t, "rows")
	if rapid.Bool().Draw(t, "few") {
		n %= 10
	}
	nulls := rapid.SampledFrom([]int{0, 30}).Draw(t, "nulls")
	null := func(b array.Builder) bool {
		if rapid.IntRange(0, 99).Draw(t, "null") >= nulls {
			return false
		}
		b.AppendNull()
		return true
	}
	rb := array.NewRecordBuilder(mem, schema)
	defer rb.Release()
	for range n {
		row := map[string]any{}
		for i := range picked {
			if b := rb.Field(i); !null(b) {
				row[out.columns[i].ref().String()] = out.columns[i].draw(t, b)
			}
		}
		if sb := rb.Field(len(picked)).(*array.StructBuilder); !null(sb) {
			sb.Append(true)
			for i := range inner {
				c := out.columns[len(picked)+i]
				if b := sb.FieldBuilder(i); !null(b) {
					row[c.ref().String()] = c.draw(t, b)
				}
			}
		}
		out.rows = append(out.rows, row)
	}
	whole := rb.NewRecordBatch()
	defer whole.Release()
	from := rapid.IntRange(0, n).Draw(t, "from")
	to := rapid.IntRange(from, n).Draw(t, "to")
	out.batch, out.rows = whole.NewSlice(int64(from), int64(to)), out.rows[from:to]
	return out
}

// drawExpr makes an expression over the columns that Bind accepts.
func drawExpr(t *rapid.T, columns []column, depth int) expr.Expr {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 6
	}
	terms := func() []expr.Expr {
		out := make([]expr.Expr, rapid.IntRange(1, 3).Draw(t, "terms"))
		for i := range out {
			out[i] = drawExpr(t, columns, depth-1)
		}
		return out
	}
	c := rapid.SampledFrom(columns).Draw(t, "column")
	switch kind {
	case 6:
		return expr.And(terms()...)
	case 7:
		return expr.Or(terms()...)
	case 8:
		return expr.Not(drawExpr(t, columns, depth-1))
	case 9: // unlike And and Or, not flattened
		if rapid.Bool().Draw(t, "or") {
			return expr.OrExpr{Terms: append(terms(), drawExpr(t, columns, depth-1))}
		}
		return expr.AndExpr{Terms: append(terms(), drawExpr(t, columns, depth-1))}
	case 0:
		if rapid.IntRange(0, 5).Draw(t, "const") == 0 {
			return expr.Const{Value: rapid.Bool().Draw(t, "value")}
		}
		return c.ref().IsNull()
	case 1:
		var values []expr.Literal
		for range rapid.SampledFrom([]int{0, 1, 2, 3, 12}).Draw(t, "values") {
			if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
				values = append(values, expr.Null())
			} else {
				values = append(values, c.literal(t))
			}
		}
		return expr.In{Column: c.ref(), Values: values}
	case 2:
		return expr.Between{Column: c.ref(), Low: c.literal(t), High: c.literal(t)}
	case 3:
		if text, ok := c.literal(t).Text(); ok {
			if rapid.Bool().Draw(t, "like") {
				return c.ref().Like(rapid.SampledFrom([]string{"", "%", "a%", "%b", "%b%", "_", "a_", "%_%", `\%`, "a%c", "__", `a\\b`, "%a%b%", "%é", "%___", "_%_%b"}).Draw(t, "pattern"))
			}
			return c.ref().HasPrefix(text)
		}
	}
	return expr.Compare{Column: c.ref(), Op: expr.CompareOp(rapid.IntRange(1, 6).Draw(t, "op")), Value: c.literal(t)}
}
