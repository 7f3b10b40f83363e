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
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
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

// Who can write storage may name another subject. That is found, unless the
// other one was shredded: then the value is gone, as if it were null.
func TestSubjectExchanged(t *testing.T) {
	below := backend.New()
	defer below.Close()
	ring := newRing(t)
	subjects, err := keys.OpenSubjects(t.TempDir() + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	opt := crypto.Column("**", "email", crypto.PerSubject(subjects, "city"))
	s := wrap(t, below, ring, opt)
	writePeople(t, s, person("p1", "ann@example.org", int64(1), "oslo", "v1"), person("p2", "bob@example.org", int64(2), "rome", "v2"))
	forged := relay(t, below, func(b arrow.RecordBatch) arrow.RecordBatch {
		columns := append([]arrow.Array(nil), b.Columns()...)
		for i, f := range b.Schema().Fields() {
			if from, ok := columns[i].(*array.String); ok && f.Name == "city" {
				to := array.NewStringBuilder(memory.DefaultAllocator)
				for range from.Len() {
					to.Append("rome")
				}
				columns[i] = to.NewArray()
			}
		}
		return array.NewRecordBatch(b.Schema(), columns, b.NumRows())
	})
	over := wrap(t, forged, ring, opt)
	read := core.ReadRequest{Columns: []string{"id", "email"}}
	if lines, err := readLines(t, over, read); !errors.Is(err, crypto.ErrTampered) {
		t.Errorf("a living subject: %v %v", lines, err)
	}
	if err := subjects.Shred(t.Context(), ring, "rome"); err != nil {
		t.Fatal(err)
	}
	lines, err := readLines(t, over, read)
	if err != nil || strings.Contains(strings.Join(lines, " "), "@") {
		t.Errorf("a shredded subject: %v %v", lines, err)
	}
}
