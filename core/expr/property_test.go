package expr_test

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Evaluating a batch gives what evaluating each row by itself gives, in three values, and leaks nothing.
func TestEvalEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		tab := drawTable(t, mem)
		e := drawExpr(t, tab.columns, 3)
		checkEval(t, e, tab, mem)
		tab.batch.Release()
		mem.AssertSize(fatal{t}, 0)
	})
}

func checkEval(t *rapid.T, e expr.Expr, tab table, mem memory.Allocator) {
	bound, err := expr.Bind(e, tab.batch.Schema())
	if err != nil {
		t.Fatalf("bind %s: %v", e, err)
	}
	got, err := bound.Eval(tab.batch, mem)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if got.Len() != len(tab.rows) {
		t.Fatalf("%d results for %d rows", got.Len(), len(tab.rows))
	}
	var pass []int
	for i, row := range tab.rows {
		want := evalRow(e, row)
		have := truth(-1)
		if got.IsValid(i) {
			have = truthOf(got.Value(i))
		}
		if have != want {
			t.Fatalf("%s on row %d %v: got %d, want %d", e, i, row, have, want)
		}
		if want == 1 {
			pass = append(pass, i)
		}
	}
	filtered, err := bound.Filter(context.Background(), tab.batch, mem)
	if err != nil {
		t.Fatalf("filter %s: %v", e, err)
	}
	defer filtered.Release()
	checkRows(t, tab.batch, filtered, pass)
}

// checkRows compares a filtered batch with the rows it should hold.
func checkRows(t *rapid.T, from, got arrow.RecordBatch, rows []int) {
	if int(got.NumRows()) != len(rows) || !got.Schema().Equal(from.Schema()) {
		t.Fatalf("%d rows, want %d", got.NumRows(), len(rows))
	}
	for c, col := range from.Columns() {
		for i, r := range rows {
			if !array.SliceEqual(col, int64(r), int64(r)+1, got.Column(c), int64(i), int64(i)+1) {
				if col.ValueStr(r) != got.Column(c).ValueStr(i) { // NaN is not equal to itself for SliceEqual
					t.Fatalf("column %s row %d: %s, want %s", from.ColumnName(c), i, got.Column(c).ValueStr(i), col.ValueStr(r))
				}
			}
		}
	}
}

// The printed text reads back to an equal tree.
func TestPrintParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, allColumns, 5)
		back, err := expr.Parse(e.String())
		if err != nil {
			t.Fatalf("parse %s: %v", e, err)
		}
		if !expr.Equal(e, back) {
			t.Fatalf("%s was read back as %s", e, back)
		}
		if e.Kinds() != back.Kinds() {
			t.Fatalf("%s: kinds %s, read back %s", e, e.Kinds(), back.Kinds())
		}
	})
}

// The canonical form has the same value on every row, is its own canonical form, and does not depend on the order of terms.
func TestCanonicalKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		tab := drawTable(t, mem)
		e := drawExpr(t, tab.columns, 4)
		c := expr.Canonical(e)
		for i, row := range tab.rows {
			if got, want := evalRow(c, row), evalRow(e, row); got != want {
				t.Fatalf("row %d: %s is %d, its canonical form %v is %d", i, e, want, c, got)
			}
		}
		if c != nil {
			checkEval(t, c, tab, mem)
			if again := expr.Canonical(c); !expr.Equal(again, c) {
				t.Fatalf("canonical form of %s is %s", c, again)
			}
		}
		other := drawExpr(t, tab.columns, 2)
		ab, ba := expr.Canonical(expr.And(e, other)), expr.Canonical(expr.And(other, e, other))
		if !expr.Equal(ab, ba) {
			t.Fatalf("%v and %v differ", ab, ba)
		}
		tab.batch.Release()
		mem.AssertSize(fatal{t}, 0)
	})
}

// All conjuncts are true exactly where the expression is.
func TestConjuncts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewGoAllocator()
		tab := drawTable(t, mem)
		e := drawExpr(t, tab.columns, 3)
		terms := expr.Conjuncts(e)
		for _, row := range tab.rows {
			all := truth(1)
			for _, term := range terms {
				if _, ok := term.(expr.AndExpr); ok {
					t.Fatalf("%s is a conjunction itself", term)
				}
				if evalRow(term, row) != 1 {
					all = 0
				}
			}
			if (all == 1) != (evalRow(e, row) == 1) {
				t.Fatalf("%s: conjuncts %v", e, terms)
			}
		}
	})
}

type fatal struct{ *rapid.T }

func (f fatal) Errorf(format string, args ...any) { f.Fatalf(format, args...) }
