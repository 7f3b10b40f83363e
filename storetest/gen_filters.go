package storetest

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/expr"
)

var goAllocator = memory.NewGoAllocator()

// Filters generates filters over the columns of a schema: every kind of node,
// to a depth of three, with literals of the column's type and of types that
// compare with it.
func Filters(schema *arrow.Schema) *rapid.Generator[expr.Expr] {
	leaves := filterable(schema)
	return rapid.Custom(func(rt *rapid.T) expr.Expr { return filter(rt, leaves, 3) })
}

// leaf is a column, or a field of a struct, that a filter can test.
type leaf struct {
	column expr.Column
	typ    arrow.DataType
	only   bool // a type that nothing but IS NULL works on
}

func filterable(schema *arrow.Schema) []leaf {
	var out []leaf
	var add func(path []string, t arrow.DataType)
	add = func(path []string, t arrow.DataType) {
		c := expr.Field(path...)
		switch t := t.(type) {
		case *arrow.StructType:
			out = append(out, leaf{c, t, true})
			for _, f := range t.Fields() {
				add(append(path[:len(path):len(path)], f.Name), f.Type)
			}
		case *arrow.ListType:
			out = append(out, leaf{c, t, true})
		default:
			out = append(out, leaf{c, t, false})
		}
	}
	for _, f := range schema.Fields() {
		add([]string{f.Name}, f.Type)
	}
	return out
}

func filter(rt *rapid.T, leaves []leaf, depth int) expr.Expr {
	kind := rapid.IntRange(0, 9).Draw(rt, "node")
	if depth == 0 {
		kind = min(kind, 6)
	}
	sub := func() expr.Expr { return filter(rt, leaves, depth-1) }
	switch kind {
	case 7:
		return expr.And(sub(), sub())
	case 8:
		return expr.Or(sub(), sub())
	case 9:
		return expr.Not(sub())
	case 0:
		return expr.Const{Value: rapid.Bool().Draw(rt, "const")}
	}
	l := rapid.SampledFrom(leaves).Draw(rt, "column")
	if l.only || kind == 1 {
		return l.column.IsNull()
	}
	lit := func() any { return literal(rt, l.typ) }
	switch kind {
	case 2:
		values := []any{}
		for range rapid.IntRange(0, 3).Draw(rt, "values") {
			values = append(values, lit())
		}
		if rapid.IntRange(0, 3).Draw(rt, "with null") == 0 {
			values = append(values, nil)
		}
		return l.column.In(values...)
	case 3:
		return l.column.Between(lit(), lit())
	case 4:
		if l.typ.ID() == arrow.STRING {
			return pattern(rt, l.column)
		}
	}
	op := expr.CompareOp(rapid.IntRange(int(expr.Eq), int(expr.Ge)).Draw(rt, "op"))
	return expr.Compare{Column: l.column, Op: op, Value: expr.Lit(lit())}
}

func pattern(rt *rapid.T, c expr.Column) expr.Expr {
	text := rapid.SampledFrom(poolText).Draw(rt, "pattern")
	if rapid.Bool().Draw(rt, "prefix") {
		return c.HasPrefix(text)
	}
	tail := rapid.SampledFrom([]string{"", "%", "_", "%_", `\%%`}).Draw(rt, "tail")
	return c.Like(strings.ReplaceAll(text, `\`, `\\`) + tail)
}

// literal draws a value that compares with the type: mostly one of its own.
func literal(rt *rapid.T, t arrow.DataType) any {
	switch t.ID() {
	case arrow.INT8, arrow.INT32, arrow.INT64, arrow.UINT64, arrow.FLOAT32, arrow.FLOAT64:
		if rapid.IntRange(0, 3).Draw(rt, "other type") == 0 {
			return rapid.SampledFrom([]any{1.5, 1e300, int64(1) << 40, int64(-129), 0.1, float64(1 << 53), uint64(1) << 63}).Draw(rt, "number")
		}
	case arrow.DATE32:
		d := rapid.SampledFrom(poolDay).Draw(rt, "day")
		return expr.Date(d.Year(), d.Month(), d.Day())
	}
	return value(rt, t)
}
