package rbac_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestBasisNamesNoSecret: what commits were computed from does not tell of
// features that the caller may not see, and the store below keeps it.
func TestBasisNamesNoSecret(t *testing.T) {
	g, err := core.NewGraph(core.NewFeature("a/x"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := g.Plan("a/x")
	if err != nil {
		t.Fatal(err)
	}
	base := memstore.New()
	defer base.Close()
	basis := core.Basis{"secret/project": 3, "b/read": 1, "b/stat": 2, "b/list": 4}
	if _, err := base.Write(t.Context(), core.WriteRequest{Plan: plan, Basis: basis, Rows: storetest.RowsIn(t, memory.DefaultAllocator, 1, matrixSchema, matrixRow(0))}); err != nil {
		t.Fatal(err)
	}
	s, err := rbac.New(policy(t, `p, *, a/x, *, allow
p, user:bob, b/read, read, allow
p, user:bob, b/stat, stat, allow
p, user:bob, b/list, list, allow
p, user:limited, b/read, read, allow
p3, user:limited, a/x, region = 'us'
p, user:root, **, *, allow
`)).Wrap(base)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string) core.EvolveRequest {
		return core.EvolveRequest{Key: "a/x", Base: 1, Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: name, Type: arrow.BinaryTypes.String}}}
	}
	for name, want := range map[string]core.Basis{
		"bob":     {"b/read": 1, "b/stat": 2},
		"limited": {"b/read": 1},
		"eve":     {},
		"root":    basis,
	} {
		ctx := identitytest.As(t, name)
		check := func(what string, info core.Info, err error) {
			t.Helper()
			if err != nil || len(info.Log) > 0 && fmt.Sprint(info.Log[len(info.Log)-1].Basis) != fmt.Sprint(want) {
				t.Errorf("%s is told by %s: %v, %v; want %v", name, what, info.Log, err, want)
			}
		}
		info, err := s.Stat(ctx, core.StatRequest{Key: "a/x", Commits: -1})
		check("stat", info, err)
		if len(info.Log) != 1 {
			t.Errorf("%d commits", len(info.Log))
		}
		for info, err := range s.List(ctx, core.ListRequest{}) {
			check("list", info, err)
		}
		if name == "limited" {
			info, err = s.Evolve(ctx, add("later"))
			check("evolve", info, err)
		}
	}
	info, err := base.Stat(t.Context(), core.StatRequest{Key: "a/x", Commits: -1})
	if n := len(info.Log); err != nil || fmt.Sprint(info.Log[n-1].Basis) != fmt.Sprint(basis) && fmt.Sprint(info.Log[0].Basis) != fmt.Sprint(basis) {
		t.Errorf("below: %v, %v", info.Log, err)
	}
}
