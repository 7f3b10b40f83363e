package crypto_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestNestedFieldIsEncryptedAndTheRestIsNot(t *testing.T) {
	below := memory.New()
	defer below.Close()
	plain := memory.New()
	defer plain.Close()
	s := wrap(t, below, newRing(t), crypto.Nested("profile.phone"))
	writePeople(t, s, somePeople()...)
	writePeople(t, plain, somePeople()...)
	if got, want := mustRead(t, s, core.ReadRequest{}), mustRead(t, plain, core.ReadRequest{}); !slices.Equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	stored := strings.Join(mustRead(t, below, core.ReadRequest{}), "\n")
	if strings.Contains(stored, "+49") || !strings.Contains(stored, `lang:"de"`) {
		t.Errorf("below stands %s", stored)
	}
	for filter, want := range map[string]string{
		"profile.phone = '+49-p2'": "p2", "profile.phone > '+49-p3'": "p4 p5", "profile.lang = 'de' AND NOT profile.phone = '+49-p1'": "p2 p4 p5",
		"profile IS NULL": "p3", "profile.phone IS NULL": "p3",
	} {
		if got := ids(t, s, filter); got != want {
			t.Errorf("%s gives %q, want %q", filter, got, want)
		}
	}
}

// sealedLiteral is ciphertext in a filter, or the name of a companion, which
// ends with a MAC.
var sealedLiteral = regexp.MustCompile(`X'[0-9a-f]*'|mxsealed_[0-9a-v]*`)

// TestFiltersAcrossRotation: whatever the mode, a filter gives what it gives on
// a plain store, no literal is seen below, and equality on a deterministic
// column is answered there, whichever key wrote.
func TestFiltersAcrossRotation(t *testing.T) {
	old := newRing(t)
	ring, _, err := old.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	filters := []string{
		"email = 'ann@example.org'", "email <> 'ann@example.org'", "email IN ('bob@example.org', 'nobody')", "NOT email IN ('bob@example.org', NULL)",
		"email IS NULL", "email IS NOT NULL", "email > 'b'", "email LIKE 'ann%'", "email BETWEEN 'a' AND 'b'", "age = 31", "age IN (31, 42, 1000000000000)",
		"age < 32", "age = 1.5", "NOT age = 31", "city = 'Oslo'", "city = 'Oslo' OR id = 'p2'", "NOT (city = 'Oslo' OR age = 42)", "city IS NULL",
		"(city = 'Rome' AND age = 42) OR email = ''", "email = '' AND id >= 'p2'", "city = ''", "age = 300 OR city = 'Oslo'", "NOT (email = 'x' AND id = 'p1')",
	}
	plain := memory.New()
	defer plain.Close()
	writePeople(t, plain, somePeople()...)
	for name, opts := range map[string][]crypto.Option{
		"random": {crypto.Columns("email", "age", "city")},
		"deterministic": {
			crypto.Column("**", "email", crypto.Deterministic()), crypto.Column("**", "age", crypto.Deterministic()), crypto.Column("**", "city", crypto.Deterministic()),
		},
		"hidden": {
			crypto.Column("**", "email", crypto.Deterministic(), crypto.HideNulls()), crypto.Column("**", "age", crypto.HideNulls()),
			crypto.Column("**", "city", crypto.HideNulls(), crypto.Beacon(2)),
		},
		"beacon": {crypto.Column("**", "email", crypto.Beacon(1)), crypto.Column("**", "age", crypto.Beacon(12)), crypto.Column("**", "city", crypto.Beacon(8))},
	} {
		t.Run(name, func(t *testing.T) {
			below := memory.New()
			defer below.Close()
			writePeople(t, wrap(t, below, old, opts...), somePeople()[:3]...)
			writePeople(t, wrap(t, below, ring, opts...), somePeople()[3:]...)
			tap := storetest.Tap(storetest.TapRows())
			tapped, err := tap.Wrap(below)
			if err != nil {
				t.Fatal(err)
			}
			s := wrap(t, tapped, ring, opts...)
			for _, f := range filters {
				tap.Reset()
				if got, want := ids(t, s, f), ids(t, plain, f); got != want {
					t.Errorf("%s gives %q, want %q", f, got, want)
				}
				for _, c := range tap.Calls(core.OpRead) {
					text := sealedLiteral.ReplaceAllString(fmt.Sprint(c.Read.Filter), "…")
					for _, secret := range []string{"example", "Oslo", "Rome", "31", "42"} {
						if c.Read.Filter != nil && strings.Contains(text, secret) {
							t.Errorf("%s: below stands %s", f, text)
						}
					}
					if c.Read.Filter != nil && strings.ContainsAny(strings.ReplaceAll(text, "id >= 'p2'", ""), "<>") {
						t.Errorf("%s: a range went below: %s", f, text)
					}
				}
				if seen := tap.Contains("example.org"); len(seen) > 0 {
					t.Errorf("%s: an email was seen below", f)
				}
				if name == "deterministic" && f == "email = 'ann@example.org'" && len(tap.Calls(core.OpRead)[0].Rows) != 2 {
					t.Errorf("%s was not answered below: %d rows came up", f, len(tap.Calls(core.OpRead)[0].Rows))
				}
			}
		})
	}
}

func TestNoResidual(t *testing.T) {
	below := memory.New()
	defer below.Close()
	s := wrap(t, below, newRing(t), crypto.Columns("email"), crypto.Column("**", "age", crypto.Deterministic()), crypto.NoResidual())
	writePeople(t, s, somePeople()...)
	if got := ids(t, s, "age = 31 AND id <> 'p5' AND email IS NOT NULL"); got != "p1" {
		t.Errorf("a filter that storage can evaluate gives %q", got)
	}
	_, err := readLines(t, s, core.ReadRequest{Filter: expr.Col("email").Eq("secret-text")})
	if !errors.Is(err, core.ErrUnsupported) || strings.Contains(err.Error(), "secret-text") {
		t.Errorf("a filter that it cannot: %v", err)
	}
}

// TestForgedRecords changes what the names of companion
// columns record, as somebody with access to storage could.
func TestForgedRecords(t *testing.T) {
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	opts := []crypto.Option{crypto.Columns("email", "city", "age")}
	s := wrap(t, below, ring, opts...)
	writePeople(t, s, somePeople()...)
	info, err := below.Stat(t.Context(), core.StatRequest{Key: people})
	if err != nil {
		t.Fatal(err)
	}
	var companions []string
	for _, f := range info.Schema.Fields() {
		if strings.HasPrefix(f.Name, "mxsealed_") {
			companions = append(companions, f.Name)
		}
	}
	if len(companions) != 3 {
		t.Fatalf("companions are %v", companions)
	}
	swap := func(a, b string) func(string) string {
		return func(n string) string {
			switch n {
			case a:
				return b
			case b:
				return a
			}
			return n
		}
	}
	for what, change := range map[string]func(string) string{
		"two columns exchanged": swap("email", "city"),
		"a companion renamed":   func(n string) string { return strings.Replace(n, companions[0], "mxsealed_00", 1) },
		"a companion lost":      func(n string) string { return strings.Replace(n, companions[0], "other", 1) },
	} {
		forged := relay(t, below, func(b arrow.RecordBatch) arrow.RecordBatch { return renamed(b, change) })
		if _, err := readLines(t, wrap(t, forged, ring, opts...), core.ReadRequest{Columns: []string{"id", "email"}}); !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%s: %v, want ErrIntegrity", what, err)
		}
	}
}

func TestRotationMakesNothingStale(t *testing.T) {
	ctx := t.Context()
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	opts := []crypto.Option{crypto.Columns("email", "city"), crypto.Column("**", "age", crypto.Deterministic()), crypto.Nested("profile.phone")}
	version := func(ring *keys.Ring, email string) string {
		v, err := crypto.KeyedVersion(ctx, ring, people, "email", []byte(email))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	rows := func(ring *keys.Ring) [][]any {
		out := somePeople()
		for _, r := range out {
			email, _ := r[1].(string)
			r[5] = []any{version(ring, email)}
		}
		return out
	}
	s := wrap(t, below, ring, opts...)
	writePeople(t, s, rows(ring)...)
	match := planOf(t, "video/match")
	inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: match})
	if err != nil || inc.Stats.New != 5 {
		t.Fatalf("%+v %v", inc.Stats, err)
	}
	if _, err := s.Write(ctx, core.WriteRequest{Plan: match, Rows: inc.New, Basis: inc.Basis}); err != nil {
		t.Fatal(err)
	}
	oldKey := ring.Primary()
	ring, _, err = ring.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	clean := func(what string, s core.Store) {
		t.Helper()
		inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: match})
		if err != nil || !inc.Stats.Clean() || inc.Stats.Unchanged != 5 {
			t.Errorf("%s: the dependent feature: %+v %v", what, inc.Stats, err)
		}
		root := core.ResolveRequest{Plan: planOf(t, people), Samples: storetest.RowsIn(t, allocator(), 2, peopleSchema(), rows(ring)...)}
		if inc, err = s.Resolve(ctx, root); err != nil || !inc.Stats.Clean() {
			t.Errorf("%s: the root feature: %+v %v", what, inc.Stats, err)
		}
	}
	s = wrap(t, below, ring, opts...)
	clean("after the rotation", s)
	before := mustRead(t, s, core.ReadRequest{})
	layer := crypto.New(ring, opts...)
	if r, err := layer.OldKeys(ctx, below, planOf(t, people)); err != nil || r.Share() != 0.8 || r.Rows != 5 { // p3 has nothing but nulls
		t.Errorf("before: %+v %v", r, err)
	}
	var steps []int64
	r, err := layer.Reencrypt(ctx, below, planOf(t, people), 2, func(done, total int64) { steps = append(steps, done, total) })
	if err != nil || r.Share() != 0 || r.Rewritten != 4 || r.Commits < 2 {
		t.Errorf("encrypt again: %+v %v", r, err)
	}
	if len(steps) == 0 || steps[len(steps)-1] != 4 || steps[len(steps)-2] != 4 {
		t.Errorf("progress was %v", steps)
	}
	if r, err = layer.Reencrypt(ctx, below, planOf(t, people), 2, nil); err != nil || r.Rewritten != 0 || r.Old != 0 {
		t.Errorf("again: %+v %v", r, err)
	}
	clean("after encrypting again", s)
	disabled, err := ring.Disable(oldKey)
	if err != nil {
		t.Fatal(err)
	}
	s = wrap(t, below, disabled, opts...)
	clean("with the old key disabled", s)
	if after := mustRead(t, s, core.ReadRequest{}); !slices.Equal(before, after) {
		t.Errorf("values changed:\n%s\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if _, err := readLines(t, s, core.ReadRequest{History: true}); !errors.Is(err, crypto.ErrKeyDisabled) || !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("history under a disabled key: %v", err)
	}
}

func TestShredding(t *testing.T) {
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	path := t.TempDir() + "/subjects"
	subjects, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	opts := []crypto.Option{crypto.Column("**", "email", crypto.PerSubject(subjects, "id")), crypto.Column("**", "city")}
	s := wrap(t, below, ring, opts...)
	writePeople(t, s, somePeople()...)
	writePeople(t, s, person("p2", "robert@example.org", int64(43), "Rome", "v2b"))
	if err := subjects.Shred(t.Context(), ring, "p2"); err != nil {
		t.Fatal(err)
	}
	again, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	rotated, _, err := ring.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Rewrap(t.Context(), rotated); err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]core.Store{
		"the same process":      s,
		"another, after rotate": wrap(t, below, rotated, crypto.Column("**", "email", crypto.PerSubject(again, "id")), crypto.Columns("city")),
	} {
		all := mustRead(t, x, core.ReadRequest{History: true, Columns: []string{"id", "email", "city"}})
		text := strings.Join(all, "\n")
		if len(all) != 6 || strings.Contains(text, "bob@") || strings.Contains(text, "robert@") || strings.Count(text, "ann@example.org") != 2 || strings.Count(text, "Rome") != 2 {
			t.Errorf("%s reads\n%s", what, text)
		}
		if got := ids(t, x, "email IS NULL"); got != "p2 p3" {
			t.Errorf("%s: without email are %q", what, got)
		}
	}
	r := storetest.RowsIn(t, allocator(), 2, peopleSchema(), person("p2", "new@example.org", int64(1), "x", "v9"))
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, people), Rows: r}); !errors.Is(err, keys.ErrShredded) {
		t.Errorf("a write for a shredded subject: %v", err)
	}
}

func TestSummaryAndOptions(t *testing.T) {
	ring := newRing(t)
	c := crypto.New(ring, crypto.Columns("email"), crypto.Column("video/**", "path", crypto.Deterministic()))
	if got := c.Info().Summary; got != "email, video/**:path (deterministic)" {
		t.Errorf("the summary is %q", got)
	}
	below := memory.New()
	defer below.Close()
	for what, opt := range map[string]crypto.Option{
		"the data version":   crypto.Columns(core.ColDataVersion),
		"a system column":    crypto.Columns(core.ColCommit),
		"no name":            crypto.Columns(""),
		"a bad pattern":      crypto.Column("Video/*x", "email"),
		"a beacon of 40":     crypto.Column("**", "email", crypto.Beacon(40)),
		"SIV as random":      crypto.Column("**", "email", crypto.Random(keys.AES256SIV)),
		"a beacon for SIV":   crypto.Column("**", "email", crypto.Deterministic(), crypto.Beacon(4)),
		"its own subject":    crypto.Column("**", "email", crypto.PerSubject(&keys.Subjects{}, "email")),
		"subjects nowhere":   crypto.Column("**", "email", crypto.PerSubject(nil, "id")),
		"an unknown cipher":  crypto.Column("**", "email", crypto.Random(77)),
		"a companion's name": crypto.Columns("mxsealed_x"),
	} {
		if _, err := crypto.New(ring, opt).Wrap(below); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s := wrap(t, below, ring, crypto.Columns("id"))
	r := storetest.RowsIn(t, allocator(), 2, peopleSchema(), somePeople()...)
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, people), Rows: r}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a protected id column: %v", err)
	}
}
