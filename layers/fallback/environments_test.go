package fallback_test

import (
	"errors"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

// A team's three stores, one over the other.
func TestEnvironments(t *testing.T) {
	e := storetest.MultiEnv(t)
	staging := over(t, e.Staging, fallback.NewWith(fallback.Leg("prod", e.Prod)))
	dev := over(t, e.Dev, fallback.NewWith(fallback.Leg("staging", staging)))

	for key, want := range map[core.FeatureKey]struct {
		origin string
		rows   int64
	}{
		storetest.KeyVideo:     {"staging", 10},
		storetest.KeyCrop:      {"", 5},
		storetest.KeyEmbedding: {"prod", 20},
		storetest.KeyLabel:     {"prod", 5}, // dev's empty commit does not count
	} {
		info, err := dev.Stat(t.Context(), core.StatRequest{Key: key})
		if err != nil || info.Origin != want.origin || info.Rows != want.rows {
			t.Errorf("%s: %d rows from %q (%v), want %+v", key, info.Rows, info.Origin, err, want)
		}
		rows, err := dev.Read(t.Context(), core.ReadRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := rows.Count(); err != nil || n != want.rows {
			t.Errorf("%s: read %d rows (%v), want %d", key, n, err, want.rows)
		}
	}

	for key, want := range map[core.FeatureKey]core.Stats{
		storetest.KeyCrop:      {New: 5, Stale: 5}, // of staging's ten videos dev holds five crops, of other versions
		storetest.KeyEmbedding: {New: 5},           // of dev's crops: prod's embeddings are of others
		storetest.KeyTrain:     {New: 20},          // embeddings and labels are prod's
	} {
		plan, err := storetest.Graph().Plan(key)
		if err != nil {
			t.Fatal(err)
		}
		inc, err := dev.Resolve(t.Context(), core.ResolveRequest{Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		got := inc.Stats
		if got.New != want.New || got.Stale != want.Stale || got.Orphaned != 0 {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
		if _, err := dev.Resolve(t.Context(), core.ResolveRequest{Plan: plan, Local: true}); key != storetest.KeyEmbedding && !errors.Is(err, core.ErrDependency) {
			t.Errorf("%s from dev alone: %v", key, err)
		}
	}
}
