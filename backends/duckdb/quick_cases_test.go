//go:build cgo && duckdb_arrow

package duckdb

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// small is a database of a root and a leaf that was resolved once it was complete.
type small struct {
	t          *testing.T
	file       string
	root, leaf *core.Plan
}

func newSmall(t *testing.T) small {
	t.Helper()
	g := benchGraph(t)
	return small{t: t, file: filepath.Join(t.TempDir(), "s.duckdb"), root: mustPlan(t, g, "bench/root"), leaf: mustPlan(t, g, "bench/leaf")}
}

func (m small) open(opts ...Option) *store {
	m.t.Helper()
	s, err := Open(m.t.Context(), m.file, append(opts, Threads(2))...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return s.(*store)
}

func (m small) change(s *store, from, to, salt int) {
	m.t.Helper()
	if _, err := s.Write(m.t.Context(), core.WriteRequest{Plan: m.root, Rows: hexRows([]string{"audio", "frames"}, from, to, salt)}); err != nil {
		m.t.Fatal(err)
	}
}

func (m small) resolve(s *store) core.Increment {
	m.t.Helper()
	inc, err := s.Resolve(m.t.Context(), core.ResolveRequest{Plan: m.leaf})
	if err != nil {
		m.t.Fatal(err)
	}
	return inc
}

func (m small) follow(s *store) {
	m.t.Helper()
	inc := m.resolve(s)
	for _, rows := range []core.Rows{inc.New, inc.Stale} {
		rows, err := rows.Collect()
		if err != nil {
			m.t.Fatal(err)
		}
		for _, b := range rows {
			schema := inc.New.Schema // stale rows have one column more
			only := core.RowsOf(schema, array.NewRecordBatch(schema, b.Columns()[:schema.NumFields()], b.NumRows()))
			if _, err := s.Write(m.t.Context(), core.WriteRequest{Plan: m.leaf, Rows: only, Basis: inc.Basis}); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// equal resolves and holds the answer against the full one. It tells which way was taken and whether a marker was made.
func (m small) equal(s *store) (quick, marked bool) {
	m.t.Helper()
	q, k := s.paths.quick.Load(), s.paths.marks.Load()
	got, err := storetest.IncrementLines(m.resolve(s))
	if err != nil {
		m.t.Fatal(err)
	}
	want, err := storetest.IncrementLines(m.resolve(whole(s)))
	if err != nil {
		m.t.Fatal(err)
	}
	if !slices.Equal(want, got) {
		m.t.Fatalf("quick against full\n%s", storetest.Diff(want, got))
	}
	return s.paths.quick.Load() > q, s.paths.marks.Load() > k
}

func (m small) expect(s *store, quick, marked bool, when string) {
	m.t.Helper()
	if q, k := m.equal(s); q != quick || k != marked {
		m.t.Errorf("%s: quick %t, marker made %t; want %t, %t", when, q, k, quick, marked)
	}
}

func (m small) sql(s *store, statement string) {
	m.t.Helper()
	if err := s.with(m.t.Context(), func(c *conn) error { _, err := c.exec(m.t.Context(), statement); return err }); err != nil {
		m.t.Fatal(err)
	}
}

// TestMarkers tells when one is made and when one is used.
func TestMarkers(t *testing.T) {
	m := newSmall(t)
	lazy := eager
	lazy.refresh = 1 // as many rows as there are
	s := m.open(withMarking(lazy))
	m.change(s, 0, 1000, 0)
	m.follow(s)
	m.expect(s, false, true, "the first resolve of a complete leaf")
	m.expect(s, true, false, "nothing changed")
	m.change(s, 10, 20, 1)
	m.expect(s, true, false, "ten rows changed")
	m.follow(s)
	m.change(s, 1000, 1005, 1)
	m.expect(s, true, false, "and were computed, and five are new")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	readers := []*store{m.open(withMarking(eager), ReadOnly()), m.open(withMarking(eager), ReadOnly())}
	for _, r := range readers {
		m.expect(r, true, false, "a read-only store")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}

	s = m.open(withMarking(marking{least: 1, mark: 1, most: 100, use: 20, refresh: 1000}))
	m.expect(s, true, true, "reopened, enough came for a new marker")
	m.expect(s, true, false, "the new one, with five outstanding")
	m.change(s, 0, 500, 2)
	m.expect(s, false, false, "too many changed, too many are outstanding")
	m.follow(s)
	m.expect(s, false, true, "all were computed")
}

// TestMarkersNotBelieved spoils the marker in every way that another program might.
func TestMarkersNotBelieved(t *testing.T) {
	for name, spoil := range map[string]string{
		"another log":          "UPDATE metaxy.commits SET fingerprint = 'x' WHERE key = 'bench/root' AND seq = 2",
		"a log of its own":     "UPDATE metaxy.commits SET id = 'x' WHERE key = 'bench/leaf' AND seq = 1",
		"a commit to come":     `UPDATE metaxy.markers SET points = replace(points, '"seq":2', '"seq":9')`,
		"another plan":         "UPDATE metaxy.markers SET plan = 'x'",
		"another schema":       `UPDATE metaxy.markers SET points = replace(points, '"schema":1', '"schema":2')`,
		"no points":            "UPDATE metaxy.markers SET points = '['",
		"an id is missing":     `DELETE FROM metaxy."outstanding/bench/leaf" WHERE metaxy_k0 = 15`,
		"the ids are missing":  `DROP TABLE metaxy."outstanding/bench/leaf"`,
		"an older database":    `DROP TABLE metaxy.markers`,
		"ids of another type":  `ALTER TABLE metaxy."outstanding/bench/leaf" ALTER COLUMN metaxy_k0 SET DATA TYPE BLOB USING 'x'::BLOB`,
		"a column of no sense": `ALTER TABLE metaxy."outstanding/bench/leaf" RENAME COLUMN metaxy_k0 TO k`,
	} {
		t.Run(name, func(t *testing.T) {
			m := newSmall(t)
			s := m.open(withMarking(eager))
			m.change(s, 0, 200, 0)
			m.follow(s)
			m.change(s, 10, 20, 1)
			m.expect(s, false, true, "ten are outstanding")
			m.expect(s, true, false, "before")
			m.sql(s, spoil)
			m.change(s, 30, 33, 1)
			m.expect(s, false, true, "spoiled")
			m.expect(s, true, false, "made anew")
		})
	}
}

// TestMarkersAtOnce has several resolves make markers while a writer writes: none of them may fail or wait for another.
func TestMarkersAtOnce(t *testing.T) {
	m := newSmall(t)
	s := m.open(withMarking(eager))
	m.change(s, 0, 300, 0)
	m.follow(s)
	m.equal(s)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 15 {
				inc, err := s.Resolve(t.Context(), core.ResolveRequest{Plan: m.leaf})
				if err != nil {
					t.Error(err)
					continue
				}
				stale := int64(0)
				if at := inc.Basis[m.root.Key()]; at > 1 {
					stale = at + 1 // each commit changes three samples, one of them for the first time
				}
				if inc.Stats.Stale != stale || inc.Stats.Unchanged != 300-stale || inc.Stats.New+inc.Stats.Orphaned+inc.Stats.Missing != 0 {
					t.Errorf("at commit %d of the root: %+v, want %d stale", inc.Basis[m.root.Key()], inc.Stats, stale)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 15 {
			rows := hexRows([]string{"audio", "frames"}, i, i+3, i+1)
			if _, err := s.Write(t.Context(), core.WriteRequest{Plan: m.root, Rows: rows}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if quick, _ := m.equal(s); !quick {
		t.Error("the last resolve was a full one")
	}
}
