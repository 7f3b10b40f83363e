package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnMemory(t *testing.T) { check(t, memory.New(), t.TempDir()) }

func TestOnDuckDB(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "openmoji.duckdb")
	base, err := duckdb.Open(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	check(t, base, dir)
	// Everything that was written, the keys and the trail included.
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, name := range []string{"Ascherl", "Wellnitz", "Lisa Schulz"} {
			if bytes.Contains(b, []byte(name)) {
				t.Errorf("%s holds an author's name", d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What make governed runs, in a directory that is kept.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run(context.Background(), dir, printer{w: &out, colour: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\x1b[1m") {
		t.Error("no colour on a terminal")
	}
	if _, err := os.Stat(filepath.Join(dir, "ring.keys")); err != nil {
		t.Error(err)
	}
}

// check takes the tour and looks at each fact that it prints.
func check(t *testing.T, base core.Store, dir string) {
	t.Helper()
	var out bytes.Buffer
	f, err := tour(context.Background(), base, dir, printer{w: &out})
	if err = errors.Join(err, base.Close()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	checkViews(t, f)
	for what, stats := range map[string][]core.Stats{"after the rotation": f.rotated, "after encrypting again": f.again} {
		if len(stats) != 3 {
			t.Errorf("%s: %d features", what, len(stats))
		}
		for _, s := range stats {
			if !s.Clean() || s.Unchanged != 4495 || s.Missing != 0 {
				t.Errorf("%s: %+v", what, s)
			}
		}
	}
	if f.rewritten != 2*4495 || f.oldShare != 0 {
		t.Errorf("%d rows were encrypted again, %.2f are under the old key", f.rewritten, f.oldShare)
	}
	if f.before.theirs == 0 || f.after.theirs != 0 || f.before.others != f.after.others || f.before.rows != f.before.theirs || f.after.rows != f.before.rows {
		t.Errorf("shredded: %+v, then %+v", f.before, f.after)
	}
	if !errors.Is(f.writeRefused, keys.ErrShredded) {
		t.Errorf("a write for a shredded author: %v", f.writeRefused)
	}
	checkTrail(t, f)
	spaced := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"user:ada engineer 4,495 🦊 Sofie Ascherl a-", "user:lin analyst 160 🦊 ****herl", "denied: user:max may not read openmoji/source",
		"unauthenticated: the context has no identity", "openmoji/thumbnail 4,495 0 0 0 0 0", "openmoji/credit 4,495 0 0 0 4,495 0",
		"may not see column \"credit\"", "invalid: the subject was shredded", "user:lin read openmoji/source openmoji_author = ? deny",
		"user:ada engineer unavailable: the audit trail cannot be kept", "tells of 3 refused events",
	} {
		if !strings.Contains(spaced, want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colour where there is no terminal")
	}
}

func checkViews(t *testing.T, f facts) {
	t.Helper()
	if len(f.views) != 4 {
		t.Fatalf("%d callers", len(f.views))
	}
	ada, lin, outsider, nobody := f.views[0], f.views[1], f.views[2], f.views[3]
	if ada.err != nil || ada.rows != 4495 || ada.fox[1].text != "Sofie Ascherl" || ada.byAuthor != nil || ada.credit != nil {
		t.Errorf("the engineer: %+v", ada)
	}
	if lin.err != nil || lin.rows != 160 || lin.fox[1].text != "****herl" || lin.fox[2].text == ada.fox[2].text || len(lin.fox[2].text) != 32 {
		t.Errorf("the analyst: %+v", lin)
	}
	if !errors.Is(lin.byAuthor, core.ErrDenied) || !errors.Is(lin.credit, core.ErrDenied) {
		t.Errorf("the analyst: %v, %v", lin.byAuthor, lin.credit)
	}
	if !errors.Is(outsider.err, core.ErrDenied) || !errors.Is(nobody.err, core.ErrUnauthenticated) {
		t.Errorf("the outsider: %v; nobody: %v", outsider.err, nobody.err)
	}
	if f.stored.null || strings.Contains(f.stored.text, "Ascherl") {
		t.Errorf("below stands %v", f.stored)
	}
}

func checkTrail(t *testing.T, f facts) {
	t.Helper()
	if r := f.trail.report; r.Broken != nil || r.Events < 50 || r.Unsigned != 0 || len(r.Recoveries) != 0 {
		t.Errorf("the trail: %+v", r)
	}
	if f.trail.denials != 4 {
		t.Errorf("%d denials in the trail, want 4", f.trail.denials)
	}
	if d := f.trail.flipped; d == nil || d.Seq < 2 || d.Damage != audit.Edited && d.Damage != audit.BadSignature {
		t.Errorf("one bit changed: %v", d)
	}
	if len(f.away) != 3 || !errors.Is(f.away[0], core.ErrUnavailable) || !errors.Is(f.away[1], core.ErrUnavailable) {
		t.Errorf("while nothing can be recorded: %v", f.away)
	}
	for _, err := range f.away {
		if err == nil {
			t.Error("a query was answered and not recorded")
		}
	}
	if f.back != nil || f.refusals != 3 {
		t.Errorf("afterwards: %v, %d refused events", f.back, f.refusals)
	}
}
