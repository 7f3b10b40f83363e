package rbac_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

// evolving is a store with one feature, a/x, of a column region, one lang and
// one that is protected from some.
func evolving(t *testing.T, rules string) core.Store {
	t.Helper()
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: text},
		{Name: "region", Type: text, Nullable: true},
		{Name: "lang", Type: text, Nullable: true},
		{Name: "email", Type: text, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
	}, nil)
	g, err := core.NewGraph(core.NewFeature("a/x"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := g.Plan("a/x")
	if err != nil {
		t.Fatal(err)
	}
	base := memstore.New()
	t.Cleanup(func() { _ = base.Close() })
	rows := storetest.RowsIn(t, memory.DefaultAllocator, 2, schema, []any{"s1", "us", "us", "a@x", []any{"v"}}, []any{"s2", "eu", "us", "b@x", []any{"v"}})
	if _, err := base.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	s, err := rbac.New(policy(t, rules)).Wrap(base)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func renamed(from, to string) core.SchemaChange {
	return core.SchemaChange{Kind: core.RenameColumn, Column: from, To: to}
}

// TestEvolveKeepsRules: whoever may evolve a feature and does not administer it
// cannot take a column away from a rule, be it about somebody else.
func TestEvolveKeepsRules(t *testing.T) {
	const bob = "p, user:bob, **, *, allow\n"
	large := core.SchemaChange{Kind: core.WidenColumn, Column: "region", Type: arrow.BinaryTypes.LargeString}
	for what, c := range map[string]struct {
		rules   string
		changes []core.SchemaChange
		why     string // "" for what is made
	}{
		"a row rule's column under another": {"p3, user:bob, **, region = 'us'", []core.SchemaChange{renamed("region", "old"), renamed("lang", "region")}, "row rule"},
		"a row rule's column":               {"p3, user:bob, **, region = 'us'", []core.SchemaChange{renamed("region", "old")}, "row rule"},
		"onto a row rule's column":          {"p3, user:bob, **, gone = 'us'", []core.SchemaChange{renamed("lang", "gone")}, "row rule"},
		"a new column of a row rule":        {"p3, role:us, a/*, gone IS NULL", []core.SchemaChange{{Kind: core.AddColumn, Column: "gone", Type: arrow.BinaryTypes.String}}, "row rule"},
		"a row rule's column widened":       {"p3, user:bob, **, region = 'us'", []core.SchemaChange{large}, "row rule"},
		"somebody else's row rule":          {"p3, role:us, a/*, region = 'us'", []core.SchemaChange{renamed("region", "old")}, "row rule"},
		"a row rule of another feature":     {"p3, role:us, b/*, region = 'us'", []core.SchemaChange{renamed("region", "old")}, ""},
		"another column beside a row rule":  {"p3, role:us, a/*, region = 'us'", []core.SchemaChange{renamed("lang", "old")}, ""},

		"what is hidden from the caller":     {"p2, user:bob, **, email, hide", []core.SchemaChange{renamed("email", "mail")}, "may not use"},
		"what is hidden from somebody":       {"p2, role:x, **, email, hide", []core.SchemaChange{renamed("email", "mail")}, "rename"},
		"what is hidden from the others":     {"p2, *, **, email, hash\np2, user:bob, **, email, read", []core.SchemaChange{renamed("email", "mail")}, "rename"},
		"into what is shown to somebody":     {"p2, *, **, *, hide\np2, role:x, **, title, read\np2, user:bob, **, *, read", []core.SchemaChange{renamed("email", "title")}, "rename"},
		"what stays under all rules":         {"p2, *, **, *, hide\np2, role:x, **, title, read\np2, user:bob, **, *, read", []core.SchemaChange{renamed("email", "mail")}, ""},
		"what nothing protects":              {"p2, role:x, **, lang, read", []core.SchemaChange{renamed("lang", "language")}, ""},
		"what is widened and hidden as well": {"p2, role:x, **, region, hide", []core.SchemaChange{large}, ""},
	} {
		s := evolving(t, bob+c.rules+"\n")
		_, err := s.Evolve(identitytest.As(t, "bob"), core.EvolveRequest{Key: "a/x", Base: 1, Changes: c.changes})
		switch {
		case c.why == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case c.why != "" && (!errors.Is(err, core.ErrDenied) || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: %v, want a denial that says %q", what, err, c.why)
		case c.why != "" && c.why != "may not use" && !strings.Contains(err.Error(), `"admin"`):
			t.Errorf("%s: %v does not say which action is missing", what, err)
		}
		if c.why == "" || c.why == "may not use" {
			continue
		}
		s = evolving(t, bob+"p, user:bob, a/*, admin, allow\n"+c.rules+"\n")
		if _, err := s.Evolve(identitytest.As(t, "bob"), core.EvolveRequest{Key: "a/x", Base: 1, Changes: c.changes}); err != nil {
			t.Errorf("%s, by who administers it: %v", what, err)
		}
	}
}
