package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

// TestDamage: overwritten pages are told as damage, never as a wrong answer;
// set aside, the file makes room for a new catalog.
func TestDamage(t *testing.T) {
	path := temporary(t)
	const key core.FeatureKey = "damaged/feature"
	c := open(t, path)
	if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit(key, 1, 20_000), sqlcattest.Fresh(20_000, 1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	const page = 4096
	seen := 0
	for at := 0; at+page <= len(whole); at += 7 * page {
		broken := bytes.Clone(whole)
		for i := range 64 {
			broken[at+i*(page/64)+3] ^= 0xff
		}
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := visit(t, path, key); err != nil {
			seen++
			if !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("page %d: %v", at/page, err)
			}
		}
	}
	if seen == 0 {
		t.Error("no damage was seen")
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("a file of text: %v", err)
	}
	aside, err := sqlite.SetAside(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(aside); err != nil {
		t.Error(err)
	}
	again := open(t, path)
	defer again.Close()
	if p, err := again.HasFeature(t.Context(), key); err != nil || p != catalog.No {
		t.Errorf("a new catalog: %v, %v", p, err)
	}
}

// visit reads everything and gives the first error; what it reads without one
// must be true.
func visit(t *testing.T, path string, key core.FeatureKey) error {
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return err
	}
	defer c.Close()
	n := 0
	for v, err := range c.MaterializedVersions(t.Context(), key, sqlcattest.Container) {
		if err != nil {
			return err
		}
		if p, err := c.HasFeature(t.Context(), key, catalog.WithVersion(v.Version)); err != nil {
			return err
		} else if p != catalog.Yes {
			t.Errorf("version %d is yielded and then not there: %v", n, p)
		}
		if n++; n > 2000 {
			break
		}
	}
	return nil
}

// TestRefused: a newer schema and a foreign database are left as they are.
func TestRefused(t *testing.T) {
	newer := temporary(t)
	if err := open(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	statement(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	statement(t, foreign, `CREATE TABLE orders (id INTEGER)`)
	for path, want := range map[string]error{newer: core.ErrUnsupported, foreign: core.ErrInvalid, filepath.Join(t.TempDir(), "no", "folder.db"): core.ErrUnavailable} {
		before, _ := os.ReadFile(path)
		if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", filepath.Base(path))
		}
	}
}

func statement(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(strings.ReplaceAll(path, " ", "%20"), "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// TestSharedInProcess: two handles of one process see each other's commits at
// once, and closing one takes nothing from the other.
func TestSharedInProcess(t *testing.T) {
	path := temporary(t)
	a, b := open(t, path), open(t, path)
	defer b.Close()
	for seq := range int64(20) {
		if err := a.RegisterMaterialization(t.Context(), sqlcattest.Commit("shared/feature", seq+1, 5), sqlcattest.Fresh(5, uint64(seq))); err != nil {
			t.Fatal(err)
		}
		if e, err := b.Entry(t.Context(), "shared/feature"); err != nil || e.Generation != seq+1 {
			t.Fatalf("generation %d, %v", e.Generation, err)
		}
		if p, err := b.HasFeature(t.Context(), "shared/feature"); err != nil || p != catalog.Yes {
			t.Fatalf("%v, %v", p, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	sqlcattest.Processes(t, at, path, 2, 5)
}

// TestCheck: a whole file passes, whatever modes its features are kept in; a
// page of versions in which one bit flipped does not, nor does what Open refuses.
func TestCheck(t *testing.T) {
	for _, mode := range []catalog.Mode{catalog.Exact, catalog.Filter, catalog.Counts} {
		path := temporary(t)
		c := open(t, path, sqlite.Keep(mode))
		for seq := range int64(12) {
			if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit("checked/feature", seq+1, 6000), sqlcattest.Fresh(6000, uint64(seq))); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.Check(t.Context(), path); err != nil {
			t.Errorf("mode %d: %v", mode, err)
		}
		if mode != catalog.Exact {
			continue
		}
		statement(t, path, `UPDATE block SET data = CAST(substr(data, 1, 20) || x'ff' || substr(data, 22) AS BLOB) WHERE rowid = (SELECT max(rowid) FROM block)`)
		if err := sqlite.Check(t.Context(), path); !errors.Is(err, core.ErrIntegrity) || !strings.HasSuffix(err.Error(), "; metaxy catalog rebuild --set-aside makes a new one from the store") {
			t.Errorf("a damaged page of versions: %v", err)
		}
	}
	none := filepath.Join(t.TempDir(), "none.db")
	if err := sqlite.Check(t.Context(), none); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("no file: %v", err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a file was made")
	}
}
