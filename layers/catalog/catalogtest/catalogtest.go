// Package catalogtest is the conformance suite of catalogs: what the memory,
// SQLite and PostgreSQL catalogs have in common, and what another must do to
// stand in for them.
package catalogtest

import (
	"context"
	"fmt"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/layers/catalog"
)

// Config says how to make the catalog under test.
type Config struct {
	// New makes an empty catalog. The suite closes it.
	New func(t testing.TB) catalog.Catalog

	// Reopen closes c and opens what it kept; nil when nothing is durable.
	Reopen func(t testing.TB, c catalog.Catalog) catalog.Catalog

	// Mode is how the catalogs that New makes keep versions.
	Mode catalog.Mode
}

// Run holds a catalog to every property, each a subtest.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	for _, p := range properties() {
		t.Run(p.code+"_"+p.name, func(t *testing.T) {
			if p.durable && cfg.Reopen == nil {
				t.Skip("this catalog is not durable: Config.Reopen is nil")
			}
			running := goleak.IgnoreCurrent()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("why %s matters: %s", p.code, p.why)
				} else {
					goleak.VerifyNone(t, running)
				}
			})
			runOne(t, cfg, p)
		})
	}
}

func runOne(t testing.TB, cfg Config, p property) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	e := &env{TB: t, cfg: cfg, ctx: t.Context()}
	e.c = cfg.New(t)
	if e.c == nil {
		t.Fatal("Config.New returned nil")
	}
	defer func() {
		if err := e.c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	p.run(e)
}

// property is one sentence of the contract.
type property struct {
	code    string
	name    string
	why     string
	durable bool // needs Reopen
	run     func(e *env)
}

// env is what a property runs in: an empty catalog.
type env struct {
	testing.TB
	cfg Config
	ctx context.Context
	c   catalog.Catalog
}

func properties() []property {
	return []property{
		{code: "R1", name: "registered_is_found", why: "the catalog is asked instead of the store", run: r1},
		{code: "R2", name: "again_changes_nothing", why: "after a crash nobody knows whether a commit was registered", run: r2},
		{code: "R3", name: "another_commit_is_a_conflict", why: "a catalog of another store would answer for this one", run: r3},
		{code: "R4", name: "any_order", why: "two writers register when they get to it", run: r4},
		{code: "R5", name: "tombstones_and_empty_commits_count", why: "a gap in the numbers is a commit that is missing", run: r5},
		{code: "R6", name: "all_or_nothing", why: "half a registration is drift that nobody sees", run: r6},
		{code: "R7", name: "versions_add_up", why: "counts over commits are what reconcile compares", run: r7},
		{code: "R8", name: "bad_requests", why: "a hostile key must not reach a statement", run: r8},
		{code: "I1", name: "intents_make_no_into_maybe", why: "a write in progress may have happened", run: i1},
		{code: "I2", name: "intents_survive_a_drop", why: "a rebuild must not hide a write in progress", run: i2},
		{code: "D1", name: "descriptions_do_not_go_back", why: "two writers describe in any order", run: d1},
		{code: "H1", name: "never_a_false_no", why: "what is not computed because it seems to be there costs less than what is lost", run: h1},
		{code: "Q1", name: "features_by_query", why: "pages and filters must agree with the whole", run: q1},
		{code: "Q2", name: "a_loop_holds_no_lock", why: "the body of a loop may ask the catalog", run: q2},
		{code: "Q3", name: "materialization_info", why: "its columns are an interface", run: q3},
		{code: "F1", name: "dropped_is_gone", why: "a rebuild starts from nothing", run: f1},
		{code: "X1", name: "closed", why: "closing twice must be safe, using it after must be clear", run: x1},
		{code: "X2", name: "cancelled", why: "a caller who has gone waits for nothing", run: x2},
		{code: "C1", name: "concurrent_registrations", why: "a lost registration is a false no", run: c1},
		{code: "C2", name: "racing_for_one_commit", why: "it must be there once", run: c2},
		{code: "P1", name: "survives_reopen", why: "that is what durable means", durable: true, run: p1},
	}
}

// must ends the property on an error.
func (e *env) must(what string, err error) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

// same compares what prints.
func (e *env) same(what string, got, want any) {
	e.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		e.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
