package rbac_test

import (
	"testing"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
)

// TestOverFallback: somebody who sees a part is answered over a fallback as
// everybody is. What production holds counts while it is current; once it is
// not, the whole of the part is to be computed here.
func TestOverFallback(t *testing.T) {
	g := matrixGraph(t)
	prod := matrixStore(t, g)
	plan, err := g.Plan("down/plain")
	if err != nil {
		t.Fatal(err)
	}
	inc, err := prod.Resolve(t.Context(), core.ResolveRequest{Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prod.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: inc.New}); err != nil {
		t.Fatal(err)
	}
	dev := memstore.New()
	defer dev.Close()
	below, err := fallback.New(prod).Wrap(dev)
	if err != nil {
		t.Fatal(err)
	}
	ctx := identitytest.As(t, "ann")
	for what, text := range map[string]string{
		"everything": "p, user:ann, **, *, allow",
		"a column":   "p, user:ann, **, *, allow\np2, user:ann, a/*, secret, hide",
		"rows":       "p, user:ann, **, *, allow\np3, user:ann, a/*, region = 'us'\np3, user:ann, down/*, sample_id IN ('s0'; 's3'; 's6')",
	} {
		s, err := rbac.New(policy(t, commas(text))).Wrap(below)
		if err != nil {
			t.Fatal(err)
		}
		held := int64(matrixRows)
		if what == "rows" {
			held = 3
		}
		got, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan})
		if err != nil || !got.Stats.Clean() || got.Stats.Unchanged != held {
			t.Errorf("seeing %s, when production is current: %+v, %v", what, got.Stats, err)
		}
	}
	// One sample changes upstream, in production.
	raw, err := g.Plan("a/x")
	if err != nil {
		t.Fatal(err)
	}
	row := matrixRow(0)
	row[4] = []any{"changed"}
	if _, err := prod.Write(t.Context(), core.WriteRequest{Plan: raw, Rows: rowsOf(t, row)}); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"everything": "p, user:ann, **, *, allow",
		"a column":   "p, user:ann, **, *, allow\np2, user:ann, a/*, secret, hide",
	} {
		s, err := rbac.New(policy(t, text)).Wrap(below)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan})
		if err != nil || got.Stats.New != matrixRows || got.Stats.Stale != 0 {
			t.Errorf("seeing %s, when production is not current: %+v, %v", what, got.Stats, err)
		}
	}
}
