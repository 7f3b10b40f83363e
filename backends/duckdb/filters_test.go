//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// literalFor draws a literal that the type can be compared with.
func literalFor(t *rapid.T, typ arrow.DataType) (expr.Literal, bool) {
	n := rapid.OneOf(rapid.SampledFrom(extremes), rapid.Int64Range(-20, 20)).Draw(t, "literal")
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(n % 1e15))
	if n > -21 && n < 21 {
		at = time.Unix(0, n*rapid.SampledFrom([]int64{1, 500, 1e3, 1e6, 1e9}).Draw(t, "unit"))
	}
	switch typ.ID() {
	case arrow.BOOL:
		return expr.Bool(n&1 == 0), true
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return expr.String(rapid.SampledFrom([]string{"", "a", "ab", "a\x00", "ä", "it's", "zz"}).Draw(t, "text")), true
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return expr.Bytes([]byte{byte(n), byte(n >> 8), 0}), true
	case arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP:
		return expr.Time(at), true
	case arrow.TIME32, arrow.TIME64:
		return expr.TimeOfDay(time.Duration(n&0xff) * time.Microsecond / 2), true
	case arrow.DURATION:
		return expr.Duration(time.Duration(n)), true
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return rapid.SampledFrom([]expr.Literal{expr.Float(0.1), expr.Float(math.NaN()), expr.Float(math.Inf(-1)), expr.Int(0), expr.Decimal("1.5"), expr.Int(1 << 60)}).Draw(t, "number"), true
	case arrow.DECIMAL32, arrow.DECIMAL64, arrow.DECIMAL128, arrow.DECIMAL256,
		arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return rapid.SampledFrom([]expr.Literal{expr.Int(n), expr.Uint(math.MaxUint64), expr.Float(1.5), expr.Float(math.Inf(1)), expr.Decimal("-0.01"), expr.Decimal("12345678901234567890123456789012345678901234567890.5")}).Draw(t, "number"), true
	}
	return expr.Literal{}, false
}

func filterFor(t *rapid.T, typ arrow.DataType, depth int) expr.Expr {
	c := expr.Col("value")
	if depth > 0 {
		switch rapid.IntRange(0, 3).Draw(t, "node") {
		case 0:
			return expr.And(filterFor(t, typ, depth-1), filterFor(t, typ, depth-1))
		case 1:
			return expr.Or(filterFor(t, typ, depth-1), filterFor(t, typ, depth-1))
		case 2:
			return expr.Not(filterFor(t, typ, depth-1))
		}
	}
	l, ok := literalFor(t, typ)
	if !ok {
		return c.IsNull()
	}
	text := typ.ID() == arrow.STRING || typ.ID() == arrow.LARGE_STRING || typ.ID() == arrow.STRING_VIEW
	switch k := rapid.IntRange(0, 6).Draw(t, "leaf"); {
	case k == 0:
		return c.IsNull()
	case k == 1:
		other, _ := literalFor(t, typ)
		if rapid.Bool().Draw(t, "null") {
			other = expr.Null()
		}
		return c.In(l, other)
	case k == 2:
		other, _ := literalFor(t, typ)
		return c.Between(l, other)
	case k == 3 && text:
		return c.Like(rapid.SampledFrom([]string{"a%", "_", "%b\\__", "%'%", "ä__", "%", ""}).Draw(t, "pattern"))
	case k == 4 && text:
		s, _ := l.Text()
		return c.HasPrefix(s)
	default:
		op := rapid.SampledFrom([]expr.CompareOp{expr.Eq, expr.Ne, expr.Lt, expr.Le, expr.Gt, expr.Ge}).Draw(t, "op")
		return expr.Compare{Column: c, Op: op, Value: l}
	}
}

// TestFiltersMeanTheSame compares what DuckDB returns with the reference evaluator.
func TestFiltersMeanTheSame(t *testing.T) {
	s := mustOpen(t, ":memory:")
	defer closeStore(t, s)
	types := append(leaves(), &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		key := fmt.Sprint("filters/f", n)
		typ := rapid.SampledFrom(types).Draw(t, "type")
		rows := typedRows(t, typ, 25)
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: featurePlan(t, key), Rows: rows}); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			e := filterFor(t, typ, 2)
			bound, err := expr.Bind(e, rows.Schema)
			if err != nil {
				continue // not for this type
			}
			want := map[int64]string{}
			for b := range rows.All() {
				kept, err := bound.Filter(t.Context(), b, memory.DefaultAllocator)
				if err != nil {
					t.Fatal(err)
				}
				for id, v := range shown(core.RowsOf(rows.Schema, kept), t) {
					want[id] = v
				}
			}
			got, err := s.Read(t.Context(), core.ReadRequest{Key: core.FeatureKey(key), Filter: e})
			if err != nil {
				t.Fatalf("%s: %s: %v", typ, e, err)
			}
			have := shown(got, t)
			for id := range 25 {
				_, w := want[int64(id)]
				if _, h := have[int64(id)]; h != w {
					all := shown(rows, t)
					t.Fatalf("%s: %s: value %s: DuckDB says %v, the evaluator %v", typ, e, all[int64(id)], h, w)
				}
			}
		}
	})
}
