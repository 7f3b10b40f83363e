package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Keys are made, opened and rotated without the store.
func TestKeysHandle(t *testing.T) {
	w := newWorld(t)
	k, err := w.parse(document(someColumns)).Keys(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	if k.Store != "prod" || k.Path != w.path("secrets/keyset.json") || k.Subjects != "" {
		t.Errorf("%+v", k)
	}
	w.clean("keys", fmt.Sprintf("%v %+v %#v", k, k, k))
	if _, err := k.Create(t.Context()); !errors.Is(err, core.ErrConflict) {
		t.Error(err)
	}
	if f, err := k.Open(t.Context()); err != nil {
		t.Error(err)
	} else if _, err := f.Rotate(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := k.OpenSubjects(); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	fresh := strings.Replace(document(someColumns), "keyset.json", "fresh.json", 1)
	fresh = strings.Replace(fresh, `kms        = "test-kms://key"`, `passphrase = "env:PASSPHRASE"`, 1)
	if k, err = w.parse(fresh).Keys(t.Context(), w.reg, "prod"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context()); err != nil {
		t.Error(err)
	}
	w.open(fresh, "prod")
}

// Encrypting again goes to the store below crypto, is for administrators, and is
// recorded.
func TestReencryptIsGoverned(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns), "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	before, err := o.KeyUse(w.as("user:eve"), people)
	if err != nil || len(before.Latest) != 1 {
		t.Fatalf("%+v %v", before, err)
	}
	if _, err := o.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]error{"user:ann": core.ErrDenied, "service:nightly": core.ErrDenied, "": core.ErrUnauthenticated} {
		if _, err := o.Reencrypt(w.as(who), w.plan(), 2, nil); !errors.Is(err, want) {
			t.Errorf("%q: %v", who, err)
		}
		if _, err := o.OldKeys(w.as(who), w.plan()); !errors.Is(err, want) {
			t.Errorf("%q: %v", who, err)
		}
	}
	eve := w.as("user:eve")
	old, err := o.OldKeys(eve, w.plan())
	if err != nil || old.Old != 3 || old.Share() != 1 {
		t.Errorf("%+v %v", old, err)
	}
	plain := w.lines(eve, o.Stack)
	done, err := o.Reencrypt(eve, w.plan(), 2, nil)
	if err != nil || done.Rewritten != 3 || done.Commits != 2 || done.Share() != 0 {
		t.Errorf("%+v %v", done, err)
	}
	if again := w.lines(eve, o.Stack); strings.Join(again, "\n") != strings.Join(plain, "\n") {
		t.Errorf("%v became %v", plain, again)
	}
	if use, err := o.SubjectUse(eve, people, "ann"); err != nil || len(use) != 0 {
		t.Error(use, err)
	}
	if _, err := o.Reencrypt(eve, nil, 2, nil); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
	if err := o.Trail.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range audit.Search(t.Context(), w.path("audit"), audit.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Event; e.Identity == "user:eve" && strings.HasPrefix(e.Reason, "below the layers: p, role:boss, **, admin, allow") {
			got = append(got, fmt.Sprint(e.Op, " ", e.Part, " ", e.Rows, " ", e.Decision, e.Outcome))
		}
	}
	want := "read decision -1 allow;read outcome -1 allowok;read decision -1 allow;read outcome 3 allowok;" +
		"write decision -1 allow;write outcome 3 allowok;read decision -1 allow;read outcome -1 allowok"
	if strings.Join(got, ";") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ";"), want)
	}
}

// A catalog above the crypto layer knows the commits of an encryption anew.
func TestReencryptIsRegistered(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns)+"[stores.prod.catalog]\nurl = \"memory://\"\ntrust = \"every-writer\"\n", "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	eve := w.as("user:eve")
	if r, err := o.Reencrypt(eve, w.plan(), 1, nil); err != nil || r.Commits != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	below, err := w.kept.Stat(t.Context(), core.StatRequest{Key: people})
	if err != nil {
		t.Fatal(err)
	}
	told, err := o.Stack.Stat(eve, core.StatRequest{Key: people})
	if err != nil || told.Generation != below.Generation || below.Generation != 4 {
		t.Errorf("the catalog says %d, the store %d, %v", told.Generation, below.Generation, err)
	}
	report, err := o.Catalog.Verify(t.Context(), catalog.Job{Sample: 1})
	if err != nil || len(report.Findings) != 0 {
		t.Errorf("%+v %v", report, err)
	}
}

// Permissions are managed without the stack, and every change is recorded.
func TestAccessHandle(t *testing.T) {
	w := newWorld(t)
	c := w.parse(document(someColumns))
	a, err := c.Access(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	rule := rbac.Member("user:bob", "role:analyst")
	if err := a.RBAC.Grant(w.as("user:ann"), rule); !errors.Is(err, core.ErrDenied) {
		t.Error(err)
	}
	if err := a.RBAC.Grant(w.as("user:eve"), rule); err != nil {
		t.Error(err)
	}
	if id, err := a.Authenticator.Authenticate(t.Context(), identity.Credentials{Bearer: w.token}); err != nil || id.Name != "service:nightly" {
		t.Error(id, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	w.verified(document(someColumns), 3)
	// A question needs no trail, so it can be asked beside whoever writes that.
	o := w.open(document(someColumns), "prod")
	p, done, err := c.Policy(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if d := p.Can(identity.Identity{Name: "user:bob"}, core.OpRead, people); !d.Allowed {
		t.Errorf("%+v", d)
	}
	if _, err := c.Access(t.Context(), w.reg, ""); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	// And what the file says holds at once in the open stack.
	if _, err := o.Stack.Read(w.as("user:bob"), core.ReadRequest{Key: people}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Error(err)
	}
}

// A store without the tables says so.
func TestNoHandles(t *testing.T) {
	c := parse(t, "[stores.a]\nbackend = \"memory://\"\n")
	ctx, reg := t.Context(), config.NewRegistry()
	_, err1 := c.Keys(ctx, reg, "a")
	_, err2 := c.Access(ctx, reg, "a")
	_, _, err3 := c.Policy(ctx, reg, "a")
	_, err4 := c.Audit("a")
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, core.ErrUnsupported) || !strings.Contains(err.Error(), "store a has no table [stores.a.") {
			t.Error(err)
		}
	}
	if a, err := c.Authenticator("a"); a != nil || err != nil {
		t.Error(a, err)
	}
	if f, err := c.TokenFile("a"); f != "" || err != nil {
		t.Error(f, err)
	}
	o, err := c.OpenHandles(ctx, reg, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Crypto != nil || o.Keys != nil || o.Access != nil || o.Trail != nil || o.Authenticator != nil || o.Subjects != nil {
		t.Errorf("%+v", o)
	}
	if _, err := o.OldKeys(ctx, nil); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
	if _, err := o.KeyUse(ctx, "a"); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := c.Security("b"); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}

// Public keys come from the table, or from the signing key.
func TestTrailVerifier(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns), "prod")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"", "public_key = \"audit.pub\"\n"} {
		w.verified(document(someColumns)+line, 0)
	}
	for line, want := range map[string]error{"nothing.pub": core.ErrUnavailable, "policy.csv": core.ErrInvalid} {
		trail, err := w.parse(document(someColumns) + "public_key = \"" + line + "\"\n").Audit("prod")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trail.Verifier(); !errors.Is(err, want) || !strings.Contains(err.Error(), "public_key: ") {
			t.Error(err)
		}
		w.clean("a trail", fmt.Sprintf("%v %+v", trail, trail))
	}
	unsigned := strings.Replace(document(someColumns), "dir         = \"audit\"\nsigning_key = \"file:secrets/audit.pem\"", "log = true", 1)
	trail, err := w.parse(unsigned).Audit("prod")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Verifier(); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
}

// A key service and a database of rules come from the program; both are closed
// with the stack, and when it is not opened after all.
func TestProgramsOwnOpeners(t *testing.T) {
	w := newWorld(t)
	var open, closed []string
	reg := w.reg.With(
		config.KMS("test-kms", func(_ context.Context, uri string) (keys.Lock, func() error, error) {
			open = append(open, uri)
			return keys.KMS(service{}), func() error { closed = append(closed, uri); return nil }, nil
		}),
		config.Policies("net", func(_ context.Context, url string) (config.PolicyAdapter, error) {
			return nil, fmt.Errorf("%w: %s did not answer", core.ErrUnavailable, url)
		}),
		config.FilePolicies("rules", func(_ context.Context, url string) (config.PolicyAdapter, error) {
			open = append(open, url)
			if strings.Contains(url, "down") {
				return nil, fmt.Errorf("%w: %s did not answer", core.ErrUnavailable, url)
			}
			return &adapter{closed: func() { closed = append(closed, url) }}, nil
		}))
	doc := strings.Replace(document(someColumns), `"policy.csv"`, "\"rules://u@h/rules.db?x=1\"\npolicy_password = \"env:PASSPHRASE\"", 1)
	doc = strings.Replace(doc, "rules://u@h/", "rules://", 1)
	if _, err := w.parse(doc).OpenHandles(t.Context(), reg, "prod"); !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), "metaxy.toml:12:1: policy_password: a policy in a file takes none") {
		t.Error(err)
	}
	open, closed = nil, nil
	// The password goes into a network's URL, and into no message.
	network := strings.Replace(doc, "rules://rules.db?x=1", "net://reader@db.example.org/rules", 1)
	_, err := w.parse(network).OpenHandles(t.Context(), reg, "prod")
	if !errors.Is(err, core.ErrUnavailable) || errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), "metaxy.toml:11:1: policy: unavailable: net://reader:***@db.example.org/rules did not answer") {
		t.Error(err)
	}
	open, closed = nil, nil
	doc = strings.Replace(doc, "policy_password = \"env:PASSPHRASE\"\n", "", 1)
	o, err := w.parse(doc).OpenHandles(t.Context(), reg, "prod")
	if err != nil {
		t.Fatal(err)
	}
	url := "rules://" + w.path("rules.db?x=1")
	if want := []string{url, "test-kms://key"}; fmt.Sprint(open) != fmt.Sprint(want) || len(closed) != 0 {
		t.Errorf("%v %v, want %v", open, closed, want)
	}
	if err := o.Close(); err != nil || len(closed) != 2 {
		t.Error(err, closed)
	}
	closed = nil
	for _, broken := range []string{
		strings.Replace(doc, "rules.db", "down.db", 1), strings.Replace(doc, "keyset.json", "none.json", 1), strings.Replace(doc, "kept://prod", "x://", 1),
	} {
		open, closed = nil, nil
		if o, err := w.parse(broken).OpenHandles(t.Context(), reg, "prod"); err == nil {
			_ = o.Close()
			t.Error("opened", broken)
		}
		failed := 0
		if strings.Contains(broken, "down.db") {
			failed = 1
		}
		if len(open) != len(closed)+failed {
			t.Errorf("opened %v, closed %v", open, closed)
		}
	}
}

// A revoked token is refused from the next call on; a file that became
// unreadable leaves things as they were and is told.
func TestTokensAreReadAgain(t *testing.T) {
	w := newWorld(t)
	c := w.parse(document(someColumns))
	who, err := c.Authenticator("")
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.TokenFile("")
	if err != nil || file != w.path("tokens.json") {
		t.Error(file, err)
	}
	o := w.open(document(someColumns), "prod") // has the program's logger
	first := identity.Credentials{Bearer: w.token}
	if _, err := who.Authenticate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.write("next", w.tokens("user:ann"))
	if err := os.Rename(w.path("next"), file); err != nil {
		t.Fatal(err)
	}
	second := identity.Credentials{Bearer: w.token}
	for _, a := range []identity.Authenticator{who, o.Authenticator} {
		if _, err := a.Authenticate(t.Context(), first); !errors.Is(err, core.ErrUnauthenticated) {
			t.Error("a revoked token:", err)
		}
		if id, err := a.Authenticate(t.Context(), second); err != nil || id.Name != "user:ann" {
			t.Error(id, err)
		}
	}
	w.write("tokens.json", "[{]")
	if _, err := o.Authenticator.Authenticate(t.Context(), second); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := o.Authenticator.Authenticate(t.Context(), second); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(w.logs.text(), "the changed file of tokens is not used"); n != 2 {
		t.Errorf("told %d times: %s", n, w.logs.text())
	}
}

// Keys are for who administers every feature, whatever they see, and what is
// done to them is recorded with and without the stack.
func TestKeysAreGoverned(t *testing.T) {
	w := newWorld(t)
	w.write("policy.csv", policyText+`
p, user:all, **, admin, allow
p, user:parts, *, admin, allow
p, user:parts, */**, admin, allow
p, user:one, video/people, admin, allow
p, user:deep, *, admin, allow
p, user:deep, */*, admin, allow
p, user:but, **, admin, allow
p, user:but, video/*/secret, admin, deny
p, user:role, **, admin, allow
g, user:role, role:barred
p, role:barred, x/**, admin, deny
`)
	o := w.open(document(someColumns), "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]error{
		"user:eve": nil, "user:all": nil, "user:parts": nil, "user:one": core.ErrDenied, "user:deep": core.ErrDenied, "user:but": core.ErrDenied,
		"user:role": core.ErrDenied, "service:nightly": core.ErrDenied, "user:nobody": core.ErrDenied, "": core.ErrUnauthenticated,
	} {
		held, err := o.Held(w.as(who))
		if !errors.Is(err, want) || (err == nil) != (len(held) == 1 && held[0] == people) {
			t.Errorf("%q: %v %v, want %v", who, held, err, want)
		}
		done := false
		err = o.ChangeKeys(w.as(who), "rotate", func() error { done = true; return nil })
		if !errors.Is(err, want) || done != (want == nil) {
			t.Errorf("%q: done %v, %v, want %v", who, done, err, want)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := w.parse(document(someColumns)).Access(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the file is gone")
	if err := a.ChangeKeys(w.as("user:eve"), "disable 17", func() error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := a.ChangeKeys(w.as("user:one"), "disable 17", func() error { t.Error("done"); return nil }); !errors.Is(err, core.ErrDenied) {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range audit.Search(t.Context(), w.path("audit"), audit.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Event; e.Part == "keys" && (e.Identity == "user:eve" || e.Identity == "user:but") {
			got = append(got, fmt.Sprint(e.Identity, " ", e.Feature, " ", e.Decision, e.Outcome, " (", e.Reason, ")"))
		}
	}
	slices.Sort(got)
	want := []string{
		"user:but ** deny (rotate: p, user:but, video/*/secret, admin, deny)",
		"user:eve ** allow (disable 17: p, role:boss, **, admin, allow)", "user:eve ** allow (rotate: p, role:boss, **, admin, allow)",
		"user:eve ** allowok (rotate: p, role:boss, **, admin, allow)", "user:eve ** allowother (disable 17: p, role:boss, **, admin, allow)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// What cannot be recorded is not done to keys.
func TestKeysWithoutTrail(t *testing.T) {
	w := newWorld(t)
	o := w.open(strings.Replace(document(someColumns), "dir         = \"audit\"\nsigning_key = \"file:secrets/audit.pem\"", "log = true", 1), "prod")
	w.logs.set(true)
	err := o.ChangeKeys(w.as("user:eve"), "rotate", func() error { t.Error("done"); return nil })
	if !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
}
