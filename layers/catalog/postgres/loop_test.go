package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
)

// TestFewestConnections: with two connections, a loop that holds one, and a
// merge in the background that is anywhere, there is still one to ask with.
func TestFewestConnections(t *testing.T) {
	merging, goOn := make(chan struct{}), make(chan struct{})
	var first, end sync.Once
	c := open(t, pgtest.Start(t), postgres.Connections(2), postgres.Step(func(name string) {
		if name == "merging" {
			first.Do(func() { close(merging) })
			<-goOn
		}
	}))
	release := func() { end.Do(func() { close(goOn) }) }
	defer c.Close()
	defer release()
	const key, rows = "few/connections", 5000
	for seq := int64(1); seq <= 7; seq++ {
		if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit(key, seq, rows), sqlcattest.Fresh(rows, uint64(seq))); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, err := range c.MaterializedVersions(ctx, key, sqlcattest.Container) {
		if err != nil {
			t.Fatal(err)
		}
		if err := c.RegisterMaterialization(ctx, sqlcattest.Commit(key, 8, rows), sqlcattest.Fresh(rows, 8)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-merging:
		case <-ctx.Done():
			t.Fatal("the merge holds a connection and waits for another")
		}
		if p, err := c.HasFeature(ctx, "few/others"); err != nil || p != catalog.No {
			t.Fatalf("asked in the loop: %v, %v", p, err)
		}
		release()
		break
	}
	if err := sqlcattest.Whole(t.Context(), c, key, 8, rows); err != nil {
		t.Error(err)
	}
}

// TestLoopEndsOnce: a connection that breaks after the last version was handed
// out does not have the loop begin again.
func TestLoopEndsOnce(t *testing.T) {
	url := pgtest.Start(t)
	c := open(t, url)
	defer c.Close()
	if err := c.RegisterMaterialization(t.Context(), sqlcattest.Commit("loop/once", 1, 5), sqlcattest.Fresh(5, 1)); err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	n := 0
	for _, err := range c.MaterializedVersions(t.Context(), "loop/once", sqlcattest.Container) {
		if n++; err != nil {
			t.Error(err)
		}
		if n == 5 {
			if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()`); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d versions came, 5 are there", n)
	}
}
