package config_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// The whole chain: what is stored is ciphertext, who may not is refused, who may
// sees what the policy shows, and the trail verifies.
func TestGovernedStack(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns), "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	for _, line := range w.lines(t.Context(), w.kept) {
		if w.clean("storage", line); strings.Contains(line, "Oslo") {
			t.Error("storage holds the city:", line)
		}
	}
	if all := strings.Join(w.lines(w.as("service:nightly"), o.Stack), "\n"); strings.Count(all, "canary-") != 5 || !strings.Contains(all, "Oslo") {
		t.Error(all)
	}
	shown := strings.Join(w.lines(w.as("user:ann"), o.Stack, "id", "email", "city"), "\n")
	if strings.Contains(shown, "canary") || strings.Contains(shown, "p2") || strings.Count(shown, "Oslo") != 2 {
		t.Error("ann sees", shown)
	}
	if err := w.some(w.as("user:ann"), o.Stack); !errors.Is(err, core.ErrDenied) {
		t.Error(err)
	}
	if _, err := o.Stack.Read(t.Context(), core.ReadRequest{Key: people}); !errors.Is(err, core.ErrUnauthenticated) {
		t.Error(err)
	}
	if _, err := o.Stack.Read(w.as("user:bob"), core.ReadRequest{Key: people, Filter: expr.Col("email").Eq("canary-x")}); !errors.Is(err, core.ErrDenied) {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	w.verified(document(someColumns), 9)
	w.clean("the log", w.logs.text())
}

// verified verifies the trail by the configuration.
func (w *world) verified(doc string, events int64) {
	w.t.Helper()
	trail, err := w.parse(doc).Audit("prod")
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := trail.Verifier()
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := audit.Verify(w.t.Context(), trail.Dir, key)
	if err != nil || report.Events != events || !report.Closed {
		w.t.Errorf("%+v, %v, want %d events", report, err, events)
	}
	for r, err := range audit.Search(w.t.Context(), trail.Dir, audit.Query{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.clean("the trail", fmt.Sprint(r))
	}
}

// A stack of the file and one made in code describe themselves identically;
// what was not opened tells where the rules are in place of their number.
func TestSecurityAlike(t *testing.T) {
	w := newWorld(t)
	doc := document(someColumns)
	policy, err := rbac.ParsePolicy(policyText)
	if err != nil {
		t.Fatal(err)
	}
	o := w.open(doc, "prod")
	code := build(t, w.kept, "prod", rbac.New(policy, rbac.Audit(o.Trail)), crypto.New(o.Keys,
		crypto.Columns("email"), crypto.Column("video/*", "city", crypto.Deterministic()), crypto.Nested("profile.phone", crypto.HideNulls())))
	if got, want := layersOf(o.Stack), layersOf(code); got != want {
		t.Errorf("file\n%s\ncode\n%s", got, want)
	}
	drawn, err := w.parse(doc).Describe("prod")
	if err != nil || !strings.Contains(drawn.String(), "rbac    rules of policy.csv, audit\n") || !strings.Contains(drawn.String(), "city (deterministic)") {
		t.Errorf("%v\n%s", err, drawn)
	}
}

func layersOf(s *compose.Stack) string {
	var b strings.Builder
	for _, l := range s.Layers() {
		fmt.Fprintln(&b, l.Name, l.Phase, l.Summary)
	}
	return b.String()
}

// Nothing is opened to draw or to check: no file is made, no secret needed, and
// the files need not be there.
func TestSecurityDrawnWithoutFiles(t *testing.T) {
	dir := t.TempDir()
	doc := strings.Replace(document(someColumns), "kept://prod", "memory://", 1)
	doc = strings.Replace(doc, `kms        = "test-kms://key"`, `passphrase = "env:PASSPHRASE"`, 1)
	doc += "feature = \"ops/trail\"\n[[stores.prod.rbac.oidc]]\nissuer = \"https://nobody.invalid\"\naudience = \"metaxy\"\n"
	doc = strings.Replace(doc, "[stores.prod.rbac]", "subjects = \"subjects.jsonl\"\n[stores.prod.rbac]", 1)
	path := dir + "/metaxy.toml"
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Check(path, config.NewRegistry(), config.Environment(func(string) (string, bool) { return "", false }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Describe("prod"); err != nil {
		t.Error(err)
	}
	needs, err := c.Needs("prod")
	if want := "[MASK PASSPHRASE file:policy.csv file:secrets/audit.pem file:secrets/keyset.json file:tokens.json]"; err != nil || fmt.Sprint(needs) != want {
		t.Errorf("%v %v, want %s", needs, err, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}

// Check looks into files of text that are there.
func TestSecurityCheckReadsText(t *testing.T) {
	w := newWorld(t)
	w.write("policy.csv", "p, role:analyst, video/*, raed, allow\n")
	w.write("tokens.json", "[{\"id\": \"x\"}]")
	w.write("metaxy.toml", strings.Replace(document(someColumns), "kept://prod", "memory://", 1))
	_, err := config.Check(w.path("metaxy.toml"), w.reg, config.Environment(w.env))
	for _, want := range []string{"metaxy.toml:11:1: policy:", "raed", "metaxy.toml:13:14: file:"} {
		if err == nil || !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

// Each thing that is wrong with the files is told with its place, and leaves
// nothing open.
func TestSecurityFilesThatAreWrong(t *testing.T) {
	w := newWorld(t)
	doc := document(someColumns)
	change := func(old, by string) string {
		if !strings.Contains(doc, old) {
			t.Fatal("no", old)
		}
		return strings.Replace(doc, old, by, 1)
	}
	w.write("secrets/other", "another passphrase")
	w.write("short", "short")
	w.write("broken.csv", "p, nobody\n")
	w.write("broken.json", "[")
	if _, err := keys.Create(t.Context(), w.path("locked.json"), keys.Passphrase([]byte(passphrase))); err != nil {
		t.Fatal(err)
	}
	locked := func(by string) string {
		return strings.Replace(change(`kms        = "test-kms://key"`, `passphrase = "`+by+`"`), "secrets/keyset.json", "locked.json", 1)
	}
	w.fails(locked("file:secrets/other"), "prod", core.ErrIntegrity, "metaxy.toml:6:1: keyset:", "passphrase is wrong")
	w.fails(locked("env:ABSENT"), "prod", core.ErrInvalid, "metaxy.toml:7:1: passphrase:", "ABSENT")
	w.fails(change("keyset.json", "nothing.json"), "prod", core.ErrUnavailable, "metaxy.toml:6:1: keyset:", "no key file")
	w.fails(change("keyset.json", "audit.pem"), "prod", core.ErrIntegrity, "no key file")
	w.fails(change("policy.csv", "broken.csv"), "prod", core.ErrInvalid, "metaxy.toml:11:1: policy:", "line 1")
	w.fails(change("policy.csv", "nothing.csv"), "prod", core.ErrUnavailable, "metaxy.toml:11:1: policy:")
	w.fails(change("tokens.json", "broken.json"), "prod", core.ErrInvalid, "metaxy.toml:13:14: file:")
	w.fails(change(`"env:MASK"`, `"file:short"`), "prod", core.ErrInvalid, "metaxy.toml:12:1: mask_key:", "16 or more")
	w.fails(change("file:secrets/audit.pem", "file:short"), "prod", core.ErrInvalid, "metaxy.toml:17:1: signing_key:")
	w.fails(change(`= "audit"`, `= "policy.csv"`), "prod", core.ErrUnavailable, "metaxy.toml:16:1: dir:")
	// Several at once, of both layers.
	both := strings.Replace(change("policy.csv", "broken.csv"), "keyset.json", "nothing.json", 1)
	w.fails(both, "prod", core.ErrInvalid, "metaxy.toml:6:1: keyset:", "metaxy.toml:11:1: policy:")
	// The backend comes last: the trail was open by then, and is closed again.
	w.fails(change("kept://prod", "x://y"), "prod", core.ErrInvalid, "metaxy.toml:3:1: store prod: unknown backend")
	// So does a rule of compose.
	w.fails(doc+"[stores.prod.cache]\nabove_crypto = true\n", "prod", core.ErrInvalid, "plaintext-cache")
	o := w.open(doc, "prod")
	// Two writers of one trail.
	w.fails(doc, "prod", core.ErrUnavailable, "metaxy.toml:16:1: dir:")
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	w.open(doc, "prod")
}

// What is wrong with the tables themselves is said when they are read or
// checked.
func TestSecurityMistakes(t *testing.T) {
	crypt := "[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\npassphrase = \"env:P\"\n"
	access := "[stores.a]\nbackend = \"memory://\"\n[stores.a.rbac]\npolicy = \"p\"\n"
	for _, c := range []struct{ doc, want string }{
		{crypt + `columns = ["email", 3]`, "m:6:21: columns: element 2 is an integer, want a table"},
		{crypt + `columns = [{ colum = "email" }]`, `m:6:14: unknown key "colum" in [stores.a.crypto.columns]; did you mean "column"?`},
		{crypt + `columns = [{ column = "email", mode = "determinstic" }]`, `m:6:32: mode: unknown value "determinstic"; did you mean "deterministic"?`},
		{crypt + `columns = [{ column = "email", algorithm = "aes256-gmc" }]`, `did you mean "aes256-gcm"?`},
		{crypt + `columns = [{ column = "email", algorithm = "aes256-siv" }]`, `m:6:32: algorithm: aes256-siv is deterministic: write mode = "deterministic"`},
		{crypt + `columns = [{ column = "e", mode = "deterministic", algorithm = "aes256-gcm" }]`, "m:6:52: algorithm: deterministic encryption is aes256-siv"},
		{crypt + "columns = [\n  \"a\",\n  { column = \"email\", beacon = 40 },\n]", "m:8:3: invalid: crypto: column"},
		{crypt + `columns = [{ column = "email", beacon = 40 }]`, "a beacon has 1 to 32 bits"},
		{crypt + `columns = [{ column = "email", features = "video/*/x" }]`, "the pattern is neither"},
		{crypt + `columns = [{ features = "video/*" }]`, "m:6:12: columns: want either a column or a field of one"},
		{crypt + `columns = [{ column = "a", field = "b.c" }]`, "want either a column or a field"},
		{crypt + `columns = [{ column = "a", subject = "who" }]`, `m:6:1: columns: a column with a subject needs a file of their secrets: write subjects = "path"`},
		{crypt + `columns = []`, "nothing would be encrypted"},
		{crypt + "", "m:3:11: [stores.a.crypto] lacks columns"},
		{crypt + "columns = \"e\"\nkms = \"aws-kms://x\"", "m:7:1: kms: the keyset is encrypted by a passphrase or by a key service, not by both"},
		{"[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\ncolumns = \"e\"", "m:3:11: [stores.a.crypto] lacks what the keyset is encrypted with"},
		{"[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\ncolumns = \"e\"\nkms = \"aws-kms://x\"", "m:6:1: kms: this program was built without aws-kms://: import github.com/metaxy-go/metaxy/layers/crypto/kms and register it with config.KMS"},
		{"[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\ncolumns = \"e\"\nkms = \"aws-kns://x\"", `unknown key service aws-kns://; did you mean "aws-kms"?`},
		{"[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\ncolumns = \"e\"\nkms = \"hcvault://h/k?token=abc\"", "m:6:1: kms: the URL holds a secret in token: write token=${NAME}"},
		{strings.Replace(crypt, `"env:P"`, `"very secret"`, 1) + `columns = "e"`, "m:5:1: passphrase: a secret is not written here"},
		{strings.Replace(crypt, `"k"`, `""`, 1) + `columns = "e"`, "m:4:1: keyset: names no file"},
		{strings.Replace(crypt, `"k"`, `"s3://k"`, 1) + `columns = "e"`, "m:4:1: keyset: want a path, not a URL"},
		{access + "polcy = 1", `m:5:1: unknown key "polcy" in [stores.a.rbac]; did you mean "policy"?`},
		{access + "[stores.a.rbac.audit]\nsinc = \"each\"", `m:6:1: unknown key "sinc" in [stores.a.rbac.audit]; did you mean "sync"?`},
		{access + "[stores.a.rbac.audit]\non_failure = \"best-effort\"", `m:6:1: on_failure: unknown value "best-effort"; did you mean "best_effort"?`},
		{access + "audit = true", "m:5:1: [stores.a.rbac.audit] records nowhere"},
		{access + "[stores.a.rbac.audit]\ndir = \"d\"", "m:5:16: [stores.a.rbac.audit] lacks signing_key"},
		{access + "[stores.a.rbac.audit]\nlog = true\nlog_checkpoints = true", "m:7:1: log_checkpoints without dir"},
		{access + "[stores.a.rbac.audit]\nfeature = \"A!\"\nsigning_key = \"env:K\"", "m:6:1: feature: "},
		{access + "[stores.a.rbac.audit]\ndir = \"d\"\nsigning_key = \"-----BEGIN PRIVATE KEY-----\"", "m:7:1: signing_key: a secret is not written here"},
		{access + "tokens = {}", "m:5:1: [stores.a.rbac.tokens] lacks file"},
		{access + "oidc = { issuer = \"https://i\" }", "m:5:1: [stores.a.rbac.oidc] lacks audience"},
		{access + "oidc = { issuer = \"http://i.example\", audience = \"m\" }", "m:5:10: issuer: want https"},
		{access + "oidc = { issuer = \"https://i\", audience = \"m\", methods = [\"HS256\"] }", `signature method "HS256"`},
		{access + "policy_password = \"env:X\"", "m:5:1: policy_password: a policy in a file takes none"},
		{strings.Replace(access, `"p"`, `"postgres://u:secret@h/d"`, 1), `m:4:1: policy: the URL holds a password: leave it out and write policy_password = "env:NAME"`},
		{strings.Replace(access, `"p"`, `"postgres://u@h/d"`, 1), "m:4:1: policy: this program was built without postgres://: import github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy and register it with config.Policies"},
		{strings.Replace(access, "policy = \"p\"\n", "", 1), "m:3:11: [stores.a.rbac] lacks policy"},
	} {
		path := t.TempDir() + "/m"
		if err := os.WriteFile(path, []byte(c.doc), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Check(path, config.NewRegistry(), config.Environment(func(string) (string, bool) { return "", false }))
		if err == nil || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", c.doc, err)
			continue
		}
		text := strings.ReplaceAll(err.Error(), path, "m")
		if !strings.Contains(text, c.want) || strings.Contains(text, "very secret") {
			t.Errorf("%s\ngot  %s\nwant %s", c.doc, text, c.want)
		}
	}
}

// A table inherits what it lacks, tables in it too.
func TestSecurityExtends(t *testing.T) {
	w := newWorld(t)
	doc := strings.Replace(document(someColumns), "backend = \"kept://prod\"\n", "", 1)
	doc = strings.ReplaceAll(doc, "stores.prod", "stores.base") + `
[stores.prod]
extends = "base"
backend = "kept://prod"
rbac    = { audit = { sync = "each" } }
crypto  = { columns = ["city"] }
[stores.free]
extends = "base"
backend = "kept://prod"
crypto  = false
rbac    = { audit = false, tokens = false }
`
	o := w.open(doc, "prod")
	if o.Trail == nil || o.Access == nil || o.Authenticator == nil || strings.Join(strings.Split(layersOf(o.Stack), "\n"), ";") != "rbac access 10 rules, audit;crypto crypto city;" {
		t.Errorf("%+v\n%s", o, layersOf(o.Stack))
	}
	free := w.open(doc, "free")
	if free.Crypto != nil || free.Keys != nil || free.Trail != nil || free.Authenticator != nil || layersOf(free.Stack) != "rbac access 10 rules, no audit\n" {
		t.Errorf("%+v\n%s", free, layersOf(free.Stack))
	}
	for store, want := range map[string]config.Security{
		"prod": {Store: "prod", Crypto: true, Access: true, Audit: true, Identities: true},
		"free": {Store: "free", Access: true},
	} {
		if got, err := w.parse(doc).Security(store); err != nil || got != want {
			t.Errorf("%+v %v", got, err)
		}
	}
}
