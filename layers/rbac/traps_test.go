package rbac_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

func user(name string, groups ...string) identity.Identity {
	return identity.Identity{Name: "user:" + name, Groups: groups}
}

// TestRevokedIsRevoked: a decision is never answered from before a change.
func TestRevokedIsRevoked(t *testing.T) {
	p := policy(t, "p, role:reader, **, read, allow\ng, user:ann, role:reader\n")
	can := func() bool { return p.Can(user("ann"), core.OpRead, "video/raw").Allowed }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if !can() {
		t.Fatal("ann cannot read")
	}
	steps := []struct {
		what string
		do   func() error
		want bool
	}{
		{"the role's rule is removed", func() error { return p.Remove(rbac.Permit("role:reader", "**", "read")) }, false},
		{"and added", func() error { return p.Add(rbac.Permit("role:reader", "**", "read")) }, true},
		{"the role is taken", func() error { return p.Remove(rbac.Member("user:ann", "role:reader")) }, false},
		{"and given", func() error { return p.Add(rbac.Member("user:ann", "role:reader")) }, true},
		{"a denial is added", func() error { return p.Add(rbac.Forbid("role:reader", "video/*", "*")) }, false},
	}
	for _, s := range steps {
		must(s.do())
		if can() != s.want {
			t.Errorf("when %s ann can read: %v", s.what, !s.want)
		}
	}
}

// TestRefusedRules: what casbin would take and misread is an error.
func TestRefusedRules(t *testing.T) {
	chain := ""
	for i := range 11 {
		chain += fmt.Sprintf("g, role:r%d, role:r%d\n", i, i+1)
	}
	for what, text := range map[string]string{
		"* in the middle of a part":   "p, user:a, video/x*y, read, allow",
		"* at the end of a part":      "p, user:a, video*, read, allow",
		"** in the middle":            "p, user:a, video/**/x, read, allow",
		"a regular expression":        "p, user:a, video/.*, read, allow",
		"an empty part":               "p, user:a, video//x, read, allow",
		"an upper-case feature":       "p, user:a, Video/x, read, allow",
		"an effect with a typo":       "p, user:a, **, read, Deny",
		"no effect":                   "p, user:a, **, read",
		"an empty effect":             "p, user:a, **, read, ",
		"an action with a typo":       "p, user:a, **, raed, allow",
		"the action close":            "p, user:a, **, close, allow",
		"a subject of no kind":        "p, ann, **, read, allow",
		"a subject that is a pattern": "p, user:*, **, read, allow",
		"a user as a role":            "g, user:a, user:b",
		"a role for everyone":         "g, *, role:r",
		"too deep":                    chain,
		"a circle":                    "g, role:a, role:b\ng, role:b, role:a",
		"a role of itself":            "g, role:a, role:a",
		"a way to show that is none":  "p2, user:a, **, email, hidden",
		"* in the middle of a column": "p2, user:a, **, e*l, hide",
		"a filter that is none":       "p3, user:a, **, region =",
		"an empty filter":             `p3, user:a, **, ""`,
		"another kind":                "p4, user:a, **, read, allow",
		"a field too many":            "p, user:a, **, read, allow, x",
		"a quote":                     `p, "user:a, **, read, allow`,
	} {
		if _, err := rbac.ParsePolicy(text); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
	}
	if _, err := rbac.ParsePolicy(strings.Replace(chain, "g, role:r0, role:r1\n", "", 1)); err != nil {
		t.Errorf("roles that are ten deep: %v", err)
	}
}

// TestDenialFromAbove: a denial ten roles up counts.
func TestDenialFromAbove(t *testing.T) {
	text := "p, *, **, read, allow\np, role:r9, **, read, deny\ng, user:ann, role:r0\n"
	for i := range 9 {
		text += fmt.Sprintf("g, role:r%d, role:r%d\n", i, i+1)
	}
	p := policy(t, text)
	if d := p.Can(user("ann"), core.OpRead, "a"); d.Allowed || len(d.Via) != 11 {
		t.Errorf("a denial ten roles up: %+v", d)
	}
	if !p.Can(user("bob"), core.OpRead, "a").Allowed {
		t.Error("bob cannot read")
	}
}

// TestNamespaces: names, groups and roles of one name are three.
func TestNamespaces(t *testing.T) {
	p := policy(t, "p, role:admin, **, *, allow\ng, group:admin, role:admin\n")
	if p.Can(user("admin"), core.OpRead, "a").Allowed {
		t.Error("a user called admin has the role's rights")
	}
	if !p.Can(user("ann", "group:admin"), core.OpRead, "a").Allowed {
		t.Error("a group does not bring its role")
	}
	if p.Can(identity.Identity{Name: "role:admin"}, core.OpRead, "a").Allowed || p.Can(user("ann", "role:admin"), core.OpRead, "a").Allowed {
		t.Error("somebody can be a role")
	}
	if p.Administers(user("ann", "group:admin"), "a").Allowed {
		t.Error("* includes admin")
	}
}

// TestFile: changes are kept, comments stay, an injected line is none, other
// processes are seen, and a file that is not valid leaves the rules in force.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	const first = "# who reads\np, role:reader, **, read, allow\n\n# the team\ng, user:ann, role:reader\n"
	write(first)
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	odd := rbac.Restrict("user:ann", "video/*", `note = 'a, "b" #' AND region IN ('us', 'eu')`)
	if err := p.Add(odd, rbac.Member("user:bob", "role:reader"), rbac.Member("user:bob", "role:reader")); err != nil {
		t.Fatal(err)
	}
	again, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(p.Rules()) != fmt.Sprint(again.Rules()) || len(p.Rules()) != 4 {
		t.Errorf("kept:\n%v\nread back:\n%v", p.Rules(), again.Rules())
	}
	if err := again.Remove(odd, rbac.Member("user:bob", "role:reader")); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != first {
		t.Errorf("after adding and removing the file is\n%s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if changed, err := p.Refresh(); !changed || err != nil {
		t.Errorf("another process's change: %v, %v", changed, err)
	}
	if changed, err := p.Refresh(); changed || err != nil {
		t.Errorf("no change: %v, %v", changed, err)
	}
	for _, bad := range []rbac.Rule{
		rbac.Permit("user:x\np, user:mallory", "**", "write"), rbac.Restrict("user:x", "**", "a = 'x\ny'"),
		rbac.Protect("user:x", "**", "a\nb", rbac.ShowHide), rbac.Permit("user:x", "a,b", "read"), rbac.Permit("user:x", "**", "read, allow\np"),
		{},
	} {
		if err := p.Add(bad); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	write(first + "p, user:eve, **, read, alow\n")
	for range 2 {
		if changed, err := p.Refresh(); changed || !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), "line 6") {
			t.Errorf("a file that is not valid: %v, %v", changed, err)
		}
	}
	if p.Problem() == nil || !p.Can(user("ann"), core.OpRead, "a").Allowed || p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Error("the rules before are not in force, or the problem is not told")
	}
	if err := p.Add(rbac.Permit("user:new", "**", "read")); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a change of a file that is not valid: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Refresh(); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a file that is gone: %v", err)
	}
	write(first + "p, user:eve, **, read, allow\n")
	if changed, err := p.Refresh(); !changed || err != nil || p.Problem() != nil || !p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Errorf("a file that is there again: %v, %v", changed, err)
	}
}

// TestReload: a running layer sees a change of the file with the next call that
// is due, and reports one that is not valid.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("p, user:ann, **, *, allow\n")
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	var told []error
	s, err := rbac.New(p, rbac.Clock(func() time.Time { return now }), rbac.OnProblem(func(err error) { told = append(told, err) })).Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	stat := func() error {
		_, err := s.Stat(identitytest.As(t, "ann"), core.StatRequest{Key: storetest.KeyVideo})
		return err
	}
	if err := stat(); err != nil {
		t.Fatal(err)
	}
	write("p, user:bob, **, *, allow\n")
	if err := stat(); err != nil {
		t.Errorf("before it is due: %v", err)
	}
	now = now.Add(rbac.DefaultRefresh)
	if err := stat(); !errors.Is(err, core.ErrDenied) {
		t.Errorf("when it is due: %v", err)
	}
	write("p, user:ann, **, *, alow\n")
	now = now.Add(rbac.DefaultRefresh)
	if err := stat(); !errors.Is(err, core.ErrDenied) || len(told) != 1 || !errors.Is(told[0], core.ErrInvalid) {
		t.Errorf("a file that is not valid: %v, told %v", err, told)
	}
}

// TestReloadWhenTheClockStepsBack: a revocation is seen all the same.
func TestReloadWhenTheClockStepsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("p, user:ann, **, *, allow\n")
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	s, err := rbac.New(p, rbac.Clock(func() time.Time { return now })).Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []time.Duration{-time.Hour, -rbac.DefaultRefresh} {
		for text, want := range map[string]error{"p, user:ann, **, *, allow\n": nil, "p, user:bob, **, *, allow\n": core.ErrDenied} {
			write(text)
			now = now.Add(step)
			if _, err := s.Stat(identitytest.As(t, "ann"), core.StatRequest{Key: storetest.KeyVideo}); !errors.Is(err, want) {
				t.Errorf("the clock stepped by %s: %v, want %v", step, err, want)
			}
		}
	}
}

// TestExpiry: an identity ends by the layer's clock.
func TestExpiry(t *testing.T) {
	now := time.Unix(1e9, 0)
	s, err := rbac.New(policy(t, "p, *, **, *, allow"), rbac.Clock(func() time.Time { return now })).Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := identity.With(t.Context(), identity.Identity{Name: "user:ann", Expires: now.Add(time.Second)})
	_, err = s.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo})
	now = now.Add(time.Second)
	if _, late := s.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo}); err != nil || !errors.Is(late, core.ErrUnauthenticated) {
		t.Errorf("before: %v, after: %v", err, late)
	}
}
