package crypto_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
)

// A deterministic value that was moved to another sample makes storage say that
// this one matches. Whoever filters by the column and does not ask for it must
// learn it too: a row rule is such a filter.
func TestMovedValueIsNoMatch(t *testing.T) {
	below := backend.New()
	defer below.Close()
	ring := newRing(t)
	opt := crypto.Column("**", "email", crypto.Deterministic())
	s := wrap(t, below, ring, opt)
	writePeople(t, s, somePeople()...)
	for what, also := range map[string]bool{"the value": false, "the value and its seal": true} {
		forged := relay(t, below, func(b arrow.RecordBatch) arrow.RecordBatch { return firstForAll(b, also) })
		over := wrap(t, forged, ring, opt)
		for name, f := range map[string]expr.Expr{
			"equal": expr.Col("email").Eq("ann@example.org"), "one of": expr.Col("email").In("ann@example.org", "x"),
			"beside": expr.And(expr.Col("email").Eq("ann@example.org"), expr.Col("id").Ge("p2")),
		} {
			lines, err := readLines(t, over, core.ReadRequest{Columns: []string{"id"}, Filter: f})
			if !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s, %s: %v %v, want ErrIntegrity", what, name, lines, err)
			}
			if err != nil && strings.Contains(err.Error(), "ann@") {
				t.Errorf("the error tells the value: %v", err)
			}
		}
	}
	if got := ids(t, s, "email = 'bob@example.org'"); got != "p2" {
		t.Errorf("what nobody moved gives %q", got)
	}
}

// firstForAll gives every row the first row's email, and also its seal.
func firstForAll(b arrow.RecordBatch, also bool) arrow.RecordBatch {
	columns := append([]arrow.Array(nil), b.Columns()...)
	for i, f := range b.Schema().Fields() {
		from, ok := columns[i].(*array.Binary)
		if !ok || f.Name != "email" && !also {
			continue
		}
		to := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		for range from.Len() {
			to.Append(from.Value(0))
		}
		columns[i] = to.NewArray()
	}
	return array.NewRecordBatch(b.Schema(), columns, b.NumRows())
}
