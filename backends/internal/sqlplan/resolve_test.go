package sqlplan_test

import (
	"testing"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
)

func table(name string, keys ...string) *sqlplan.Side {
	return &sqlplan.Side{From: name, Where: "metaxy_until IS NULL", Keys: keys, Order: keys[0], Version: func(c string) string { return "dv." + c }}
}

// TestResolve shows the statement for an N:1 dependency beside a 1:1 one: what people read when they wonder what a resolve does.
func TestResolve(t *testing.T) {
	g, err := core.NewGraph(
		core.NewFeature("a", core.ID("x"), core.Container("p"), core.Container("q")),
		core.NewFeature("b", core.ID("x", "y")),
		core.NewFeature("c", core.ID("x"), core.DependsOn("a"), core.DependsOn("b", core.Aggregate()), core.Container("r", core.Code("2"), core.From("a", "p"), core.From("b"))),
	)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan("c")
	if err != nil {
		t.Fatal(err)
	}
	a := table("a", "x")
	a.Escapes = true
	got := sqlplan.Resolve(sqlplan.DuckDB{}, sqlplan.Input{Plan: p, Upstream: []*sqlplan.Side{a, table("b", "x")}, Held: table("c", "x")})
	want := `WITH u0 AS (SELECT x AS k0, dv.p AS v0 FROM a WHERE metaxy_until IS NULL),
u1 AS (SELECT x AS k0, sha256(string_agg(coalesce(dv.default, ''), '|' ORDER BY x)) AS v0 FROM b WHERE metaxy_until IS NULL AND x IS NOT NULL GROUP BY x),
e AS (SELECT coalesce(u0.k0, u1.k0) AS k0, sha256(concat('r|2|a/p|', replace(replace(u0.v0, '\', '\\'), '|', '\|'), '|b/default|', u1.v0)) AS v0, (u0.k0 IS NULL OR u1.k0 IS NULL) AS m FROM u0 FULL OUTER JOIN u1 ON u0.k0 = u1.k0),
h AS (SELECT x AS k0, FALSE AS m, dv.r AS v0 FROM c WHERE metaxy_until IS NULL)
SELECT CAST(CASE WHEN e.k0 IS NULL THEN 2 WHEN h.k0 IS NULL THEN CASE WHEN e.m THEN 3 ELSE 0 END ELSE 1 END AS TINYINT) AS s, coalesce(e.k0, h.k0) AS k0, e.v0, TRUE AS d0
FROM e FULL OUTER JOIN h ON e.k0 = h.k0 AND e.m = h.m
WHERE e.v0 IS DISTINCT FROM h.v0 OR e.k0 IS NULL`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
