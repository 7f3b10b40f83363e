package audit

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The key of the tests is fixed, so that golden lines are.
func keys(t testing.TB) (Signer, Verifier) {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte("a seed of the tests, not a secret"[:32]))
	s, err := NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

var start = time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)

// ticking is a clock that moves by a second each time it is read.
func ticking() func() time.Time {
	n := 0
	return func() time.Time { n++; return start.Add(time.Duration(n) * time.Second) }
}

func open(t testing.TB, dir string, opts ...Option) *Log {
	t.Helper()
	s, _ := keys(t)
	l, err := Open(dir, s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func event(i int) rbac.Event {
	ops := []core.Op{core.OpRead, core.OpWrite, core.OpResolve, core.OpList}
	e := rbac.Event{
		Time: start.Add(time.Duration(i) * time.Minute), Identity: "user:ann", Op: ops[i%len(ops)], Part: rbac.PartDecision,
		Feature: "video/raw", Columns: []string{"id", "größe"}, Filter: `"a b" = ?`, Rows: -1, Decision: rbac.Allow, Reason: "role:reader on video/**",
		Duration: 1500 * time.Nanosecond,
	}
	if i%3 == 1 {
		e.Identity, e.Decision, e.Feature, e.Columns = "user:bob", rbac.Deny, "audio/raw", nil
	}
	if i%5 == 2 {
		e.Part, e.Outcome, e.Rows = rbac.PartOutcome, "ok", int64(i)
	}
	return e
}

func record(t testing.TB, r rbac.Recorder, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := r.Record(t.Context(), event(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// small makes a closed trail of three files and gives their bytes.
func small(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	l := open(t, dir, MaxBytes(1800), CheckpointEvery(4, time.Hour), Clock(ticking()), Sync(SyncNone))
	record(t, l, 0, 9)
	closed(t, l)
	return bytesOf(t, dir)
}

func bytesOf(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	numbers, err := files(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, n := range numbers {
		b, err := os.ReadFile(filepath.Join(dir, fileName(n)))
		if err != nil {
			t.Fatal(err)
		}
		out[fileName(n)] = b
	}
	return out
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func verified(t testing.TB, dir string, opts ...VerifyOption) Report {
	t.Helper()
	_, v := keys(t)
	r, err := Verify(t.Context(), dir, v, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// broken gives the problem that a verification must find.
func broken(t testing.TB, dir string, opts ...VerifyOption) *DamageError {
	t.Helper()
	_, v := keys(t)
	r, err := Verify(t.Context(), dir, v, opts...)
	var p *DamageError
	if !errors.As(err, &p) || r.Broken != p || !errors.Is(err, core.ErrIntegrity) {
		t.Fatalf("report %+v, error %v", r, err)
	}
	return p
}
