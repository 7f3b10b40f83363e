package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	locks "sync" // sync is a verb here
	"testing"
	"time"
)

const governedDoc = `default = "dev"
[stores.dev]
backend = "memory://"
[stores.dev.crypto]
keyset = "ring.keys"
passphrase = "env:TEST_PASSPHRASE"
subjects = "subjects.jsonl"
columns = [{ column = "email", features = "**", subject = "id" }]
[stores.dev.rbac]
policy = "policy.csv"
tokens = { file = "tokens.json" }
[stores.dev.rbac.audit]
dir = "audit"
signing_key = "file:audit.pem"
`

const canaryPassphrase = "canary-passphrase"

// must runs the command and gives what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, nil, &out, &errs); code != exitClean {
		t.Fatalf("metaxy %s: code %d: %s", strings.Join(args, " "), code, &errs)
	}
	return out.String()
}

// governedFolder makes a folder with a governed store, and gives the token of
// its administrator.
func governedFolder(t *testing.T) (doc, token string) {
	t.Helper()
	t.Setenv("TEST_PASSPHRASE", canaryPassphrase)
	t.Setenv(tokenVariable, "")
	dir := t.TempDir()
	t.Chdir(dir)
	doc = filepath.Join(dir, "metaxy.toml")
	for path, text := range map[string]string{doc: governedDoc, "policy.csv": "p, user:root, **, *, allow\np, user:root, **, admin, allow\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "keys", "create")
	must(t, "audit", "keygen", "audit.pem")
	return doc, strings.TrimSpace(must(t, "-q", "access", "token", "new", "user:root"))
}

// TestServeGoverned: the health of a governed store is asked as whoever the
// token stands for. Meanwhile the trail is the server's alone to write, and
// everybody's to read.
func TestServeGoverned(t *testing.T) {
	doc, token := governedFolder(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	inDir := strings.NewReplacer(`"ring.keys"`, `"`+filepath.Join(filepath.Dir(doc), "ring.keys")+`"`).Replace(string(text))
	for _, name := range []string{"policy.csv", "tokens.json", "subjects.jsonl", "audit.pem", "audit"} {
		at := filepath.Join(filepath.Dir(doc), name)
		inDir = strings.NewReplacer(`"`+name+`"`, `"`+at+`"`, `"file:`+name+`"`, `"file:`+at+`"`).Replace(inDir)
	}
	s := start(ctx, t, inDir)
	if code, body := get(t, s.url+"/healthz"); code != 503 || !strings.Contains(body, "unauthenticated") {
		t.Errorf("without a token: %d %s", code, body)
	}
	t.Setenv(tokenVariable, token)
	if code, body := get(t, s.url+"/healthz"); code != 200 {
		t.Errorf("with a token: %d %s", code, body)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"features"}, nil, &out, &errs); code != exitError || !strings.Contains(errs.String(), "unavailable") {
		t.Errorf("while the trail is another's: %d %s", code, &errs)
	}
	if text := must(t, "audit", "tail"); !strings.Contains(text, "user:root  stat  metaxy/healthz  not_found") {
		t.Errorf("the trail: %s", text)
	}
	if text := must(t, "audit", "verify", "--live"); !strings.Contains(text, "not closed") {
		t.Errorf("a live trail: %s", text)
	}
	if text := must(t, "access", "can", "user:root", "read", "a"); !strings.Contains(text, "allow") {
		t.Errorf("a question meanwhile: %s", text)
	}
	stop()
	if code := <-s.code; code != exitClean {
		t.Errorf("the server ended with %d: %s", code, s.errs)
	}
}

// buffer is read while it is written.
type buffer struct {
	mu locks.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestFollow: tail -f shows what comes, and ends in peace.
func TestFollow(t *testing.T) {
	_, token := governedFolder(t)
	t.Setenv(tokenVariable, token)
	must(t, "features", "first/")
	for _, lines := range []string{"1", "0"} {
		ctx, stop := context.WithCancel(t.Context())
		var out buffer
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, []string{"audit", "tail", "-f", "-n", lines}, nil, &out, io.Discard) }()
		if lines == "1" {
			wait(t, &out, "first/  ok")
		}
		// What comes before it looks is not for -n 0.
		for i := 0; !strings.Contains(out.String(), "second/"+lines); i++ {
			if i == 100 {
				t.Fatalf("nothing came: %s", &out)
			}
			must(t, "features", "second/"+lines)
		}
		if lines == "0" && strings.Contains(out.String(), "first/") {
			t.Errorf("the past: %s", &out)
		}
		stop()
		if code := <-ended; code != exitClean {
			t.Errorf("code %d", code)
		}
	}
}

func wait(t *testing.T, out *buffer, text string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(out.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in %s", text, out)
}

// TestNoSecretIsPrinted runs every verb of the security layers, rightly and
// wrongly, and looks for secrets in what they print.
func TestNoSecretIsPrinted(t *testing.T) {
	_, token := governedFolder(t)
	t.Setenv(tokenVariable, token)
	pem, err := os.ReadFile("audit.pem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("canary.txt", []byte(canaryPassphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id, secret, _ := strings.Cut(strings.TrimPrefix(token, "mxt_"), ".")
	secrets := []string{canaryPassphrase, secret, strings.Split(string(pem), "\n")[1]}
	var out, errs bytes.Buffer
	for _, line := range []string{
		"keys list", "keys list --count", "keys rotate", "keys rotate --staged", "keys reencrypt", "keys reencrypt --dry-run", "keys disable 1",
		"keys promote 1", "keys create", "keys shred --subject p1 --yes", "keys list --passphrase " + canaryPassphrase,
		"keys list --keyset ring.keys --passphrase " + canaryPassphrase, "keys list --keyset ring.keys --passphrase env:TEST_PASSPHRASE",
		"keys list --keyset canary.txt --passphrase file:canary.txt", "keys list --keyset ring.keys --passphrase file:audit.pem",
		"keys shred --subject p1 --keyset ring.keys --passphrase file:canary.txt --subjects canary.txt",
		"features", "features --token file:canary.txt", "features --token " + token, "features --token file:audit.pem",
		"access token list", "access token revoke " + token, "access token list --tokens audit.pem", "access token list --tokens canary.txt",
		"access can user:root read a", "access who a", "access rules", "access lint", "access test canary.txt", "access rules --policy audit.pem",
		"access grant user:ann ** read", "access rules --policy canary.txt",
		"audit verify", "audit tail", "audit search --json", "audit verify --dir audit --public-key audit.pem", "audit keygen audit.pem",
		"audit search --dir canary.txt", "audit verify --dir canary.txt --public-key audit.pem.pub", "config check", "stack", "stack -o json",
		"access token revoke " + id, "features",
	} {
		before := out.Len() + errs.Len()
		run(t.Context(), strings.Fields(line), nil, &out, &errs)
		if out.Len()+errs.Len() == before && !strings.Contains(line, "lint") {
			t.Errorf("metaxy %s says nothing", line)
		}
		for _, s := range secrets {
			if strings.Contains(out.String()+errs.String(), s) {
				t.Fatalf("metaxy %s prints a secret:\n%s%s", strings.ReplaceAll(line, s, "…"), strings.ReplaceAll(out.String(), s, "…"), strings.ReplaceAll(errs.String(), s, "…"))
			}
		}
	}
	for _, path := range []string{"ring.keys", "subjects.jsonl", "tokens.json", "policy.csv", "audit/audit-00000001.jsonl"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				t.Errorf("%s holds a secret", path)
			}
		}
	}
}
