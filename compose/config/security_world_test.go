package config_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	people     core.FeatureKey = "video/people"
	passphrase string          = "a passphrase that nobody may see"
	maskKey    string          = "sixteen bytes or more, secret"
)

const policyText = `
p,  role:analyst, video/*, read, allow
p,  role:analyst, video/*, stat, allow
p2, role:analyst, video/*, email, hash
p3, role:analyst, video/*, city = 'Oslo'
p,  role:writer, video/*, *, allow
p,  role:boss, **, *, allow
p,  role:boss, **, admin, allow
g,  user:ann, role:analyst
g,  service:nightly, role:writer
g,  user:eve, role:boss
`

const encrypted = `
[stores.prod]
backend = "kept://prod"

[stores.prod.crypto]
keyset     = "secrets/keyset.json"
kms        = "test-kms://key"
`

const governed = `
[stores.prod.rbac]
policy   = "policy.csv"
mask_key = "env:MASK"
tokens   = { file = "tokens.json" }

[stores.prod.rbac.audit]
dir         = "audit"
signing_key = "file:secrets/audit.pem"
`

// document is a store with all the security layers.
func document(columns string) string {
	return encrypted + "columns = " + columns + "\n" + governed
}

// service stands for a key service.
type service struct{}

func (service) aead() cipher.AEAD {
	block, err := aes.NewCipher([]byte("thirty-two bytes of a test's key"))
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func (s service) EncryptWithContext(_ context.Context, plain, ad []byte) ([]byte, error) {
	return s.aead().Seal(nil, nil, plain, ad), nil
}

func (s service) DecryptWithContext(_ context.Context, text, ad []byte) ([]byte, error) {
	return s.aead().Open(nil, nil, text, ad)
}

// storeLog is a logger's core that keeps lines, and fails when told to.
type storeLog struct {
	mu     sync.Mutex
	lines  []string
	broken bool
}

func (l *storeLog) Enabled(zapcore.Level) bool          { return true }
func (l *storeLog) With(f []zapcore.Field) zapcore.Core { return &withFields{l, f} }
func (l *storeLog) Sync() error                         { return nil }
func (l *storeLog) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, l)
}

func (l *storeLog) Write(e zapcore.Entry, f []zapcore.Field) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return errors.New("the disk is full")
	}
	enc := zapcore.NewMapObjectEncoder()
	for _, x := range f {
		x.AddTo(enc)
	}
	l.lines = append(l.lines, fmt.Sprint(e.Message, " ", enc.Fields))
	return nil
}

func (l *storeLog) set(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
}

func (l *storeLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

type withFields struct {
	next   *storeLog
	fields []zapcore.Field
}

func (l *withFields) Enabled(zapcore.Level) bool { return true }
func (l *withFields) With(f []zapcore.Field) zapcore.Core {
	return &withFields{l.next, append(slices.Clone(l.fields), f...)}
}
func (l *withFields) Sync() error { return nil }
func (l *withFields) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, l)
}

func (l *withFields) Write(e zapcore.Entry, f []zapcore.Field) error {
	return l.next.Write(e, append(slices.Clone(l.fields), f...))
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const someColumns = `["email", { column = "city", features = "video/*", mode = "deterministic" }, { field = "profile.phone", hide_nulls = true }]`

// world is a folder with all the files that tables of the security layers
// name, and a backend whose rows can be looked at.
type world struct {
	t    *testing.T
	dir  string
	kept core.Store
	logs *storeLog
	reg  *config.Registry

	token string // of service:nightly
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), kept: memory.New(), logs: &storeLog{}}
	t.Cleanup(func() { _ = w.kept.Close() })
	if err := os.Mkdir(w.path("secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Create(t.Context(), w.path("secrets/keyset.json"), keys.KMS(service{})); err != nil {
		t.Fatal(err)
	}
	private, public, err := audit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.write("secrets/audit.pem", string(private))
	w.write("audit.pub", string(public))
	w.write("policy.csv", policyText)
	w.write("tokens.json", w.tokens("service:nightly"))
	w.reg = config.NewRegistry(config.Backend("kept", func(context.Context, string) (core.Store, error) {
		return compose.New(w.kept, compose.KeepBaseOpen())
	}), config.Logger(zap.New(w.logs)), config.KMS("test-kms", func(context.Context, string) (keys.Lock, func() error, error) {
		return keys.KMS(service{}), nil, nil
	}))
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// tokens makes a file's text with one new token.
func (w *world) tokens(name string) string {
	w.t.Helper()
	text, kept, err := identity.NewToken(name, nil, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.token = text
	return marshal(w.t, []identity.Token{kept})
}

func (w *world) env(name string) (string, bool) {
	v, ok := map[string]string{"PASSPHRASE": passphrase, "MASK": maskKey}[name]
	return v, ok
}

func (w *world) parse(doc string) *config.Config {
	w.t.Helper()
	c, err := config.Parse("metaxy.toml", []byte(doc), w.dir, config.Environment(w.env))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) open(doc, name string) *config.Opened {
	w.t.Helper()
	o, err := w.parse(doc).OpenHandles(w.t.Context(), w.reg, name)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := o.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return o
}

// as is a context with an identity.
func (w *world) as(name string) context.Context {
	return identity.With(w.t.Context(), identity.Identity{Name: name})
}

func (w *world) plan() *core.Plan {
	w.t.Helper()
	g, err := core.NewGraph(core.NewFeature(string(people), core.ID("id"), core.Container("face")))
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := g.Plan(people)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// some writes three people.
func (w *world) some(ctx context.Context, s core.Store) error {
	w.t.Helper()
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: text},
		{Name: "email", Type: text, Nullable: true},
		{Name: "city", Type: text, Nullable: true},
		{Name: "profile", Type: arrow.StructOf(arrow.Field{Name: "phone", Type: text, Nullable: true}), Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"face"})},
	}, nil)
	rows := storetest.RowsIn(w.t, storetest.Allocator(w.t), 2, schema,
		[]any{"p1", "canary-ann@example.org", "Oslo", []any{"canary-0171"}, []any{"v1"}},
		[]any{"p2", "canary-bob@example.org", "Rome", []any{"canary-0172"}, []any{"v2"}},
		[]any{"p3", "canary-cid@example.org", "Oslo", []any{nil}, []any{"v3"}})
	_, err := s.Write(ctx, core.WriteRequest{Plan: w.plan(), Rows: rows})
	return err
}

// lines reads people.
func (w *world) lines(ctx context.Context, s core.Store, columns ...string) []string {
	w.t.Helper()
	rows, err := s.Read(ctx, core.ReadRequest{Key: people, Columns: columns})
	if err != nil {
		w.t.Fatal(err)
	}
	lines, err := storetest.Lines(rows)
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// clean fails for a text that holds a secret or a row's value.
func (w *world) clean(what, text string) {
	w.t.Helper()
	for _, secret := range []string{passphrase, maskKey, "canary-", "PRIVATE KEY", w.token} {
		if strings.Contains(text, secret) {
			w.t.Errorf("%s holds %q: %s", what, secret, text)
		}
	}
}

// fails opens a store that cannot be opened, and looks at what is said.
func (w *world) fails(doc, name string, kind error, parts ...string) {
	w.t.Helper()
	o, err := w.parse(doc).OpenHandles(w.t.Context(), w.reg, name)
	if err == nil {
		_ = o.Close()
		w.t.Fatalf("opened; want %v %v", kind, parts)
	}
	if !errors.Is(err, kind) {
		w.t.Errorf("%v: want %v", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("%v: want %q", err, part)
		}
	}
	w.clean("an error", err.Error())
}

func (w *world) checkFile(name string) (*config.Config, error) {
	return config.Check(w.path(name), w.reg, config.Environment(w.env))
}
