package expr_test

import (
	"slices"
	"testing"

	"github.com/metaxy-go/metaxy/core/expr"
)

func TestCanonicalForms(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"b = 2 AND a = 1", "a = 1 AND b = 2"},
		{"a = 1 AND (b = 2 AND a = 1)", "a = 1 AND b = 2"},
		{"NOT (a = 1 OR b > 2)", "a <> 1 AND b <= 2"},
		{"NOT NOT a = 1", "a = 1"}, //nolint:dupword // the case tested
		{"a IN (2, 1, 2)", "a IN (1, 2)"},
		{"NOT a IN (3)", "a <> 3"},
		{"a IN (NULL)", "a IN (NULL)"},
		{"a = 1 AND FALSE", "FALSE"},
		{"a = 1 OR FALSE", "a = 1"},
		{"NOT (a BETWEEN 1 AND 2)", "a NOT BETWEEN 1 AND 2"},
		{"a = 1 OR NOT a = 1", "a <> 1 OR a = 1"}, // unknown for a null: no tautology
	} {
		e, err := expr.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := expr.Canonical(e); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
	if e := expr.Canonical(expr.Or(expr.Col("a").Eq(1), expr.True())); e != nil {
		t.Errorf("got %s, want nil", e)
	}
	if expr.Canonical(nil) != nil {
		t.Error("the canonical form of nil is not nil")
	}
}

func TestWalk(t *testing.T) {
	e, err := expr.Parse("b.x = 1 AND (a IS NULL OR NOT starts_with(c, 'x')) AND b.y IN (1)")
	if err != nil {
		t.Fatal(err)
	}
	if got := expr.Columns(e); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("columns %v", got)
	}
	renamed := expr.Rename(e, func(top string) string { return top + "_0" })
	if want := "b_0.x = 1 AND (a_0 IS NULL OR NOT starts_with(c_0, 'x')) AND b_0.y IN (1)"; renamed.String() != want {
		t.Errorf("renamed %s", renamed)
	}
	if got := expr.Columns(e); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("renaming changed the original: %v", got)
	}
	if got := len(expr.Conjuncts(e)); got != 3 {
		t.Errorf("%d conjuncts", got)
	}
	if got := e.Kinds().String(); got != "compare|in|is_null|prefix|and|or|not|field" {
		t.Errorf("kinds %s", got)
	}
	if !expr.AllKinds.Has(e.Kinds()) || expr.KindCompare.Has(e.Kinds()) {
		t.Error("Has is wrong")
	}
	if expr.Conjuncts(nil) != nil || expr.Columns(nil) != nil || expr.Shape(nil) != "" || expr.Rename(nil, nil) != nil {
		t.Error("nil is not nothing")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"region", "frames", "sample_id", "data_version"}
	for _, c := range []struct{ name, want string }{
		{"regoin", "region"},
		{"Region", "region"},
		{"frame", "frames"},
		{"sampleid", "sample_id"},
		{"dataversion", "data_version"},
		{"zzz", ""},
		{"", ""},
	} {
		got, ok := expr.Nearest(c.name, names)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}
