package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
)

const followed core.FeatureKey = "followed/feature"

// eventually waits for what NOTIFY brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func presence(t *testing.T, c catalog.Catalog) catalog.Presence {
	t.Helper()
	p, err := c.HasFeature(t.Context(), followed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFollow: what one drops the other soon knows; what one registers the other
// knows at once, because "no" is never answered from a copy.
func TestFollow(t *testing.T) {
	url := pgtest.Start(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	defer b.Close()
	for seq := range int64(5) {
		if presence(t, b) != catalog.No {
			t.Fatal("there before it was registered")
		}
		if err := a.RegisterMaterialization(t.Context(), sqlcattest.Commit(followed, 1, 5), sqlcattest.Fresh(5, uint64(seq))); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if presence(t, b) != catalog.Yes {
				t.Fatal("not there after it was registered")
			}
		}
		if err := a.Drop(t.Context(), followed); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a dropped feature stays in the other's copy", func() bool { return presence(t, b) == catalog.No })
	}
}

// TestReconnect: connections that the server ends are made again, and no caller
// sees an error or an old answer.
func TestReconnect(t *testing.T) {
	url := pgtest.Start(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	defer b.Close()
	for seq := int64(1); seq <= 5; seq++ {
		pgtest.Run(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'metaxy-catalog' AND datname = current_database()`)
		if err := a.RegisterMaterialization(t.Context(), sqlcattest.Commit(followed, seq, 5), sqlcattest.Fresh(5, uint64(seq))); err != nil { //nolint:gosec // positive
			t.Fatal(err)
		}
		if presence(t, b) != catalog.Yes {
			t.Fatal("not there")
		}
		if e, err := b.Entry(t.Context(), followed); err != nil || e.Generation != seq {
			t.Fatalf("generation %d, %v", e.Generation, err)
		}
	}
	if err := a.Drop(t.Context(), followed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a copy from before the connection broke is still answered from", func() bool { return presence(t, b) == catalog.No })
}

// TestConnections: many register at the same time, over fewer connections.
func TestConnections(t *testing.T) {
	const writers, times = 16, 10
	c := open(t, pgtest.Start(t), postgres.Connections(8))
	defer c.Close()
	began := time.Now()
	var all sync.WaitGroup
	for n := range int64(writers) {
		all.Go(func() {
			for i := range int64(times) {
				seq := n*times + i + 1
				if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit(followed, seq, 10), sqlcattest.Fresh(10, uint64(seq))); err != nil { //nolint:gosec // positive
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%.0f registrations a second in one feature", writers*times/time.Since(began).Seconds())
	if err := sqlcattest.Whole(t.Context(), c, followed, writers*times, 10); err != nil {
		t.Error(err)
	}
}

// TestRefused: a newer schema is left as it is; a server that is not there and
// a URL that is none are told without the password.
func TestRefused(t *testing.T) {
	url := pgtest.Start(t)
	if err := open(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	pgtest.Run(t, url, `INSERT INTO metaxy_catalog.goose_db_version (version_id, is_applied) VALUES (99, true)`)
	for at, want := range map[string]error{
		url: core.ErrUnsupported,
		"postgres://user:canary-secret@127.0.0.1:1/none?connect_timeout=2": core.ErrUnavailable,
		"postgres://user:canary-secret@127.0.0.1:port/none":                core.ErrInvalid,
	} {
		_, err := postgres.Open(t.Context(), at)
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary-secret") {
			t.Error("an error shows the password")
		}
	}
}
