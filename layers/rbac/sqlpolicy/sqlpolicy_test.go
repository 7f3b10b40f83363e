package sqlpolicy_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

func TestMain(m *testing.M) {
	if work := os.Getenv(workerVariable); work != "" {
		os.Exit(worker(work))
	}
	goleak.VerifyTestMain(m)
}

// everywhere runs a test on an empty database of each kind.
func everywhere(t *testing.T, test func(t *testing.T, location string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, "sqlite://"+filepath.Join(t.TempDir(), "the policy #1?.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.Start(t)) })
}

func open(t testing.TB, location string, opts ...sqlpolicy.Option) (*sqlpolicy.Adapter, *rbac.Policy) {
	t.Helper()
	a, err := sqlpolicy.Open(t.Context(), location, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := rbac.NewPolicy(a)
	if err != nil {
		t.Fatal(err)
	}
	return a, p
}

// execute is somebody else's program that changes the database.
func execute(t testing.TB, location string, statements ...string) {
	t.Helper()
	driver, where := "pgx", location
	if path, ok := strings.CutPrefix(location, "sqlite://"); ok {
		driver, where = "sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)"}).String()
	}
	db, err := sql.Open(driver, where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func user(name string) identity.Identity { return identity.Identity{Name: "user:" + name} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var base = []rbac.Rule{
	rbac.Permit("role:reader", "**", "read"),
	rbac.Forbid("role:reader", "video/secret", "read"),
	rbac.Protect("*", "**", "email", rbac.ShowHash),
	rbac.Restrict("role:reader", "video/**", `note = 'a, "b" #' AND region IN ('us', 'eu')`),
	rbac.Member("user:ann", "role:reader"),
}

func texts(rules []rbac.Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	slices.Sort(out)
	return out
}

// TestKept: rules of every kind are kept in one step, read back by another, and
// removed.
func TestKept(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, p := open(t, location)
		if n := len(p.Rules()); n != 0 || p.Can(user("ann"), core.OpRead, "a").Allowed {
			t.Fatalf("a new database has %d rules", n)
		}
		must(t, p.Add(base...))
		must(t, p.Add(base...)) // they are there
		_, again := open(t, location)
		if got, want := texts(again.Rules()), texts(base); !slices.Equal(got, want) {
			t.Errorf("read back:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !again.Can(user("ann"), core.OpRead, "a").Allowed || again.Can(user("ann"), core.OpRead, "video/secret").Allowed {
			t.Error("the rules do not hold")
		}
		must(t, again.Remove(base[4], base[0]))
		if changed, err := p.Refresh(); !changed && len(p.Rules()) != 3 || err != nil || p.Can(user("ann"), core.OpRead, "a").Allowed {
			t.Errorf("another's revocation: %v, %v", changed, err)
		}
		if changed, err := p.Refresh(); changed || err != nil {
			t.Errorf("no change: %v, %v", changed, err)
		}
		if err := p.Remove(base[0]); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("removing what is gone: %v", err)
		}
	})
}

// TestMany: more rules than one statement holds, and a long one.
func TestMany(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, p := open(t, location)
		var rules []rbac.Rule
		for i := range 1001 {
			rules = append(rules, rbac.Permit(fmt.Sprintf("user:u%d", i), "video/**", "read"))
		}
		rules = append(rules, rbac.Restrict("user:u0", "**", "note = '"+strings.Repeat("é", 7000)+"'"))
		must(t, p.Add(rules...))
		_, again := open(t, location)
		if !slices.Equal(texts(again.Rules()), texts(rules)) {
			t.Error("what is read back is something else")
		}
		must(t, again.Remove(rules[:700]...))
		_, _ = p.Refresh()
		if n := len(p.Rules()); n != 302 {
			t.Errorf("%d rules are left", n)
		}
	})
}

// TestInvalid: a row that is no rule leaves the rules before in force, is
// reported until it is mended, and keeps a policy from being made.
func TestInvalid(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		must(t, p.Add(base...))
		for what, row := range map[string]string{
			"an effect with a typo": "'p', 'user:eve', '**', 'read', 'alow', '', ''",
			"a kind that is none":   "'p4', 'user:eve', '**', 'read', 'allow', '', ''",
			"no kind":               "'', 'user:eve', '**', 'read', 'allow', '', ''",
			"a request":             "'r', 'user:eve', '**', 'read', 'allow', '', ''",
			"the sixth field":       "'p', 'user:eve', '**', 'read', 'allow', '', 'x'",
			"an empty effect":       "'p', 'user:eve', '**', 'read', '', '', ''",
			"a circle":              "'g', 'role:reader', 'role:reader', '', '', '', ''",
		} {
			execute(t, location, "INSERT INTO metaxy_policy (ptype, v0, v1, v2, v3, v4, v5) VALUES ("+row+")")
			for range 2 {
				if changed, err := p.Refresh(); changed || !errors.Is(err, core.ErrInvalid) || errors.Is(err, core.ErrUnavailable) || p.Problem() == nil {
					t.Errorf("%s: %v, %v", what, changed, err)
				}
			}
			if !p.Can(user("ann"), core.OpRead, "a").Allowed || p.Can(user("eve"), core.OpRead, "a").Allowed {
				t.Errorf("%s: the rules before are not in force", what)
			}
			if _, err := rbac.NewPolicy(a); !errors.Is(err, core.ErrInvalid) {
				t.Errorf("%s: a policy was made: %v", what, err)
			}
			if err := p.Add(rbac.Permit("user:new", "**", "read")); !errors.Is(err, core.ErrInvalid) {
				t.Errorf("%s: a change: %v", what, err)
			}
			execute(t, location, "DELETE FROM metaxy_policy WHERE ptype NOT IN ('p', 'p2', 'p3', 'g') OR v0 = 'user:eve' OR v0 = v1")
			if _, err := p.Refresh(); err != nil || p.Problem() != nil {
				t.Errorf("%s, mended: %v", what, err)
			}
		}
		// What another program writes twice is one rule, and is removed whole.
		execute(t, location, "INSERT INTO metaxy_policy (ptype, v0, v1) SELECT ptype, v0, v1 FROM metaxy_policy WHERE ptype = 'g'")
		_, err := p.Refresh()
		if must(t, err); len(p.Rules()) != len(base) {
			t.Errorf("%d rules, want %d", len(p.Rules()), len(base))
		}
		must(t, p.Remove(base[4]))
		if _, again := open(t, location); len(again.Rules()) != len(base)-1 {
			t.Error("half of a rule is left")
		}
	})
}

// TestConflict: a change is made to the rules that it was decided on, or not at
// all.
func TestConflict(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		must(t, p.Add(base...))
		before, err := a.Version()
		must(t, err)
		after, err := a.Change(before, [][]string{{"g", "user:bob", "role:reader"}, {"p", "user:bob", "a", "write", "allow"}}, true)
		if err != nil || after == before {
			t.Fatalf("a change: %s, %v", after, err)
		}
		if now, err := a.Version(); err != nil || now != after {
			t.Errorf("the version is %s, %v, want %s", now, err, after)
		}
		if _, err := a.Change(before, [][]string{{"g", "user:eve", "role:reader"}}, true); !errors.Is(err, core.ErrConflict) {
			t.Errorf("a change of rules that are others now: %v", err)
		}
		if _, err := p.Refresh(); err != nil || len(p.Rules()) != len(base)+2 {
			t.Errorf("%d rules, %v", len(p.Rules()), err)
		}
		for _, bad := range [][]string{{}, {""}, {"p", "1", "2", "3", "4", "5", "6", "7"}} {
			if _, err := a.Change(after, [][]string{bad}, true); !errors.Is(err, core.ErrInvalid) {
				t.Errorf("the rule %q: %v", bad, err)
			}
		}
		// A policy that did not hear of it yet tries again.
		_, slow := open(t, location)
		must(t, p.Add(rbac.Member("user:carl", "role:reader")))
		must(t, slow.Add(rbac.Member("user:dora", "role:reader")))
		if n := len(slow.Rules()); n != len(base)+4 {
			t.Errorf("%d rules", n)
		}
	})
}

// TestUnreachable: without a database there is no policy; a policy that is there
// goes on with what it has and tells.
func TestUnreachable(t *testing.T) {
	secret := "CANARY-pass"
	for _, location := range []string{
		"postgres://user:" + secret + "@127.0.0.1:1/db?connect_timeout=1", "postgres://user:" + secret + "@127.0.0.1:port/db",
		"postgres://user:" + secret + "@%zz/db", "mysql://user:" + secret + "@h/db", secret, "sqlite://", "sqlite://:memory:",
		"sqlite://" + filepath.Join(t.TempDir(), "no", "folder.db"),
	} {
		a, err := sqlpolicy.Open(t.Context(), location)
		if a != nil || !errors.Is(err, core.ErrUnavailable) && !errors.Is(err, core.ErrInvalid) || strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("opened %s: %v", strings.ReplaceAll(location, secret, "…"), err)
		}
	}
	if _, err := sqlpolicy.Open(t.Context(), "sqlite://x.db", sqlpolicy.Timeout(0)); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("no time: %v", err)
	}
	path := filepath.Join(t.TempDir(), "policy.db")
	_, p := open(t, "sqlite://"+path)
	must(t, p.Add(base...))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	must(t, os.Rename(path, path+".bak"))
	for range 2 {
		if changed, err := p.Refresh(); changed || !errors.Is(err, core.ErrUnavailable) || p.Problem() == nil || !p.Can(user("ann"), core.OpRead, "a").Allowed {
			t.Errorf("the file is gone: %v, %v", changed, err)
		}
	}
	if err := p.Add(rbac.Permit("user:x", "**", "read")); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a change of a file that is gone: %v", err)
	}
	// Another file in its place is read, whatever its number of changes.
	_, other := open(t, "sqlite://"+path+".new")
	for _, r := range base {
		must(t, other.Add(r))
	}
	must(t, other.Remove(base[4]))
	must(t, other.Add(rbac.Member("user:eve", "role:reader")))
	must(t, os.Rename(path+".new", path))
	if changed, err := p.Refresh(); !changed || err != nil || p.Can(user("ann"), core.OpRead, "a").Allowed || !p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Errorf("another file: %v, %v", changed, err)
	}
	must(t, os.WriteFile(path+".bad", []byte(strings.Repeat("this is no database. ", 999)), 0o600))
	must(t, os.Rename(path+".bad", path))
	if _, err := p.Refresh(); !errors.Is(err, core.ErrIntegrity) || errors.Is(err, core.ErrUnavailable) || !p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Errorf("a file that is no database: %v", err)
	}
}

// TestNewerSchema: what a newer program made is left alone.
func TestNewerSchema(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, p := open(t, location)
		must(t, p.Add(base...))
		execute(t, location, "UPDATE metaxy_policy_state SET schema = 99")
		for what, err := range map[string]error{
			"a look":   func() error { _, err := p.Refresh(); return err }(),
			"a change": p.Add(rbac.Permit("user:x", "**", "read")),
			"opening":  func() error { _, err := sqlpolicy.Open(t.Context(), location); return err }(),
			"reading":  func() error { _, err := sqlpolicy.Open(t.Context(), location, sqlpolicy.ReadOnly()); return err }(),
		} {
			if !errors.Is(err, core.ErrUnsupported) || errors.Is(err, core.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if !p.Can(user("ann"), core.OpRead, "a").Allowed {
			t.Error("the rules before are not in force")
		}
		execute(t, location, "UPDATE metaxy_policy_state SET schema = 1")
		if _, err := p.Refresh(); err != nil || len(p.Rules()) != len(base) {
			t.Errorf("the schema that is known: %d rules, %v", len(p.Rules()), err)
		}
	})
}

// TestReadOnly: who only reads needs no right to write, and changes nothing.
func TestReadOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		if _, err := sqlpolicy.Open(t.Context(), location, sqlpolicy.ReadOnly()); err == nil {
			t.Fatal("an empty database was opened for reading")
		}
		_, p := open(t, location)
		must(t, p.Add(base...))
		a, reader := open(t, location, sqlpolicy.ReadOnly())
		for _, err := range []error{
			reader.Add(rbac.Permit("user:x", "**", "read")), reader.Remove(base[0]), a.SavePolicy(nil), a.AddPolicy("g", "g", []string{"user:x", "role:y"}),
		} {
			if !errors.Is(err, core.ErrReadOnly) || errors.Is(err, core.ErrUnavailable) {
				t.Errorf("a change: %v", err)
			}
		}
		must(t, p.Remove(base[4]))
		if _, err := reader.Refresh(); err != nil || reader.Can(user("ann"), core.OpRead, "a").Allowed {
			t.Errorf("a revocation: %v", err)
		}
	})
}

// TestTold: PostgreSQL tells of another's change, also one that no program of
// ours made; no look is needed.
func TestTold(t *testing.T) {
	location := pgtest.Start(t)
	_, here := open(t, location)
	_, there := open(t, location)
	wait := func(what string, want bool) {
		t.Helper()
		for range 1000 {
			if here.Can(user("ann"), core.OpRead, "a").Allowed == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: nobody was told", what)
	}
	must(t, there.Add(base...))
	wait("a grant", true)
	must(t, there.Remove(base[4]))
	wait("a revocation", false)
	execute(t, location, "INSERT INTO metaxy_policy (ptype, v0, v1) VALUES ('g', 'user:ann', 'role:reader')")
	wait("a row", true)
	// The listening connection is lost: it comes back, and what was missed is read.
	execute(t, location, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
	execute(t, location, "TRUNCATE metaxy_policy")
	wait("everything removed", false)
}

// TestCasbin: what casbin's own tools call does what they expect.
func TestCasbin(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		source, err := rbac.ParsePolicy("p, role:reader, **, read, allow\np2, role:reader, **, x, hide\np3, role:reader, **, a = 1\ng, user:ann, role:reader\ng, user:bob, role:reader")
		must(t, err)
		e, err := source.Enforcer()
		must(t, err)
		must(t, p.Add(rbac.Member("user:old", "role:old")))
		must(t, a.SavePolicy(e.GetModel()))
		if _, err := p.Refresh(); err != nil || !slices.Equal(texts(p.Rules()), texts(source.Rules())) {
			t.Errorf("saved: %v, %v", p.Rules(), err)
		}
		must(t, a.AddPolicies("g", "g", [][]string{{"user:ann", "role:reader"}, {"user:eve", "role:reader"}}))
		must(t, a.RemovePolicy("g", "g", []string{"user:bob", "role:reader"}))
		must(t, a.RemovePolicies("p", "p3", [][]string{{"role:reader", "**", "a = 1"}, {"role:none", "**", "a = 1"}}))
		must(t, a.RemoveFilteredPolicy("p", "p2", 1, "**", "", "hide"))
		if _, err := p.Refresh(); err != nil || len(p.Rules()) != 3 || !p.Can(user("eve"), core.OpRead, "a").Allowed || p.Can(user("bob"), core.OpRead, "a").Allowed {
			t.Errorf("changed: %v, %v", p.Rules(), err)
		}
		if err := a.RemoveFilteredPolicy("p", "p", 5, "a", "b"); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("a field too many: %v", err)
		}
		must(t, a.Close())
		must(t, a.Close())
		if _, err := p.Refresh(); !errors.Is(err, core.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}
