package rbac_test

import (
	"errors"
	"fmt"
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

// TestNestedColumns: a rule about a field protects all of its column, since
// nothing smaller can be taken out; it never shows more.
func TestNestedColumns(t *testing.T) {
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: text},
		{Name: "profile", Type: arrow.StructOf(arrow.Field{Name: "phone", Type: text, Nullable: true}), Nullable: true},
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
	defer base.Close()
	if _, err := base.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: storetest.RowsIn(t, memory.DefaultAllocator, 1, schema, []any{"s1", []any{"+49-SECRET"}, []any{"v"}})}); err != nil {
		t.Fatal(err)
	}
	for rules, want := range map[string]rbac.Show{
		"p2, user:ann, **, profile.phone, hide":                                          rbac.ShowHide,
		"p2, user:ann, **, profile.ph*, hide":                                            rbac.ShowHide,
		"p2, user:ann, **, profile.phone, last4":                                         rbac.ShowNull,
		"p2, user:ann, **, profile.phone, hash":                                          rbac.ShowNull,
		"p2, *, **, profile.phone, hide":                                                 rbac.ShowHide,
		"p2, *, **, profile.phone, hide\np2, user:ann, **, profile.phone, read":          rbac.ShowHide,
		"p2, *, **, profile, hide\np2, user:ann, **, profile.phone, read":                rbac.ShowHide,
		"p2, *, **, profile, hide\np2, user:ann, **, profile.phone, hash":                rbac.ShowHide,
		"p2, *, **, profile.phone, hide\np2, user:ann, **, profile, read":                rbac.ShowRead,
		"p2, *, **, profile.phone, hide\np2, user:ann, **, *, read":                      rbac.ShowRead,
		"p2, user:ann, **, profile, read\np2, user:ann, **, profile.phone, null":         rbac.ShowNull,
		"p2, user:ann, **, profiles.phone, hide\np2, user:ann, **, profil.phone, hide":   rbac.ShowRead,
		"p2, user:ann, **, profile.phone, read\np2, user:bob, **, profile.phone, hide\n": rbac.ShowRead,
	} {
		p := policy(t, "p, user:ann, **, *, allow\n"+rules)
		s, err := rbac.New(p, rbac.MaskKey([]byte("a key for the matrix"))).Wrap(base)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Read(identitytest.As(t, "ann"), core.ReadRequest{Key: "a/x"})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := storetest.Lines(rows)
		if err != nil {
			t.Fatal(err)
		}
		got, shown := rbac.ShowRead, strings.Join(lines, "")
		switch {
		case !strings.Contains(shown, "profile"):
			got = rbac.ShowHide
		case strings.Contains(shown, "profile=null"):
			got = rbac.ShowNull
		case !strings.Contains(shown, "SECRET"):
			t.Errorf("%s: %s", rules, shown)
		}
		if got != want {
			t.Errorf("%s: shown as %s, want %s", rules, got, want)
		}
		_, err = s.Read(identitytest.As(t, "ann"), core.ReadRequest{Key: "a/x", Columns: []string{"profile"}})
		if errors.Is(err, core.ErrDenied) != (want == rbac.ShowHide) {
			t.Errorf("%s: asked for: %v", rules, err)
		}
		told := p.Can(user("ann"), core.OpRead, "a/x").Columns
		if wants := want != rbac.ShowRead && !strings.Contains(rules, "profile,"); wants && !strings.HasPrefix(fmt.Sprint(told), "[profile: ") {
			t.Errorf("%s: told %v", rules, told)
		}
	}
	p := policy(t, "p, user:ann, **, *, allow\np2, user:ann, **, profile.phone, hide\np2, *, **, profile.age, read")
	if found := fmt.Sprint(p.Lint()); !strings.Contains(found, "protects all of column profile") || !strings.Contains(found, "write the rule for column profile") {
		t.Errorf("lint: %s", found)
	}
}
