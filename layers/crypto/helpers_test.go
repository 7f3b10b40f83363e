package crypto_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	memorystore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/storetest"
)

const people core.FeatureKey = "video/people"

// peopleGraph is a root feature and one that depends on it.
func peopleGraph(t testing.TB) *core.Graph {
	t.Helper()
	g, err := core.NewGraph(
		core.NewFeature(string(people), core.ID("id"), core.Container("face")),
		core.NewFeature("video/match", core.ID("id"), core.DependsOn(string(people)), core.Container("score")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func planOf(t testing.TB, key core.FeatureKey) *core.Plan {
	t.Helper()
	p, err := peopleGraph(t).Plan(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// peopleSchema has a column for each thing that the tests protect.
func peopleSchema() *arrow.Schema {
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: text},
		{Name: "email", Type: text, Nullable: true},
		{Name: "age", Type: number, Nullable: true},
		{Name: "city", Type: text, Nullable: true},
		{Name: "profile", Type: arrow.StructOf(arrow.Field{Name: "phone", Type: text, Nullable: true}, arrow.Field{Name: "lang", Type: text, Nullable: true}), Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"face"})},
	}, nil)
}

func person(id string, email, age, city any, version string) []any {
	profile := any([]any{"+49-" + id, "de"})
	if id == "p3" {
		profile = nil
	}
	return []any{id, email, age, city, profile, []any{version}}
}

// somePeople are five rows; p3 has nulls.
func somePeople() [][]any {
	return [][]any{
		person("p1", "ann@example.org", int64(31), "Oslo", "v1"), person("p2", "bob@example.org", int64(42), "Rome", "v2"),
		person("p3", nil, nil, nil, "v3"), person("p4", "ann@example.org", int64(-7), "Oslo", "v4"),
		person("p5", "", int64(31), "", "v5"),
	}
}

func writePeople(t testing.TB, s core.Store, rows ...[]any) core.Commit {
	t.Helper()
	r := storetest.RowsIn(t, memory.DefaultAllocator, 2, peopleSchema(), rows...)
	c, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, people), Rows: r})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wrap(t testing.TB, next core.Store, keys crypto.KeyProvider, opts ...crypto.Option) core.Store {
	t.Helper()
	s, err := crypto.New(keys, opts...).Wrap(next)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func readLines(t testing.TB, s core.Store, req core.ReadRequest) ([]string, error) {
	t.Helper()
	if req.Key == "" {
		req.Key = people
	}
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return storetest.Lines(rows)
}

func mustRead(t testing.TB, s core.Store, req core.ReadRequest) []string {
	t.Helper()
	lines, err := readLines(t, s, req)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func ids(t testing.TB, s core.Store, filter string) string {
	t.Helper()
	e, err := expr.Parse(filter)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range mustRead(t, s, core.ReadRequest{Columns: []string{"id"}, Filter: e}) {
		out = append(out, strings.Trim(strings.TrimPrefix(l, "id="), `"`))
	}
	return strings.Join(out, " ")
}

// relay writes what a store holds below into another one, changed.
func relay(t testing.TB, from core.Store, change func(b arrow.RecordBatch) arrow.RecordBatch) core.Store {
	t.Helper()
	to := memorystore.New()
	t.Cleanup(func() { _ = to.Close() })
	rows, err := from.Read(t.Context(), core.ReadRequest{Key: people})
	if err != nil {
		t.Fatal(err)
	}
	batches, err := rows.Collect()
	if err != nil {
		t.Fatal(err)
	}
	defer core.ReleaseAll(batches)
	var changed []arrow.RecordBatch
	for _, b := range batches {
		changed = append(changed, change(b))
	}
	if _, err := to.Write(t.Context(), core.WriteRequest{Plan: planOf(t, people), Rows: core.RowsOf(changed[0].Schema(), changed...)}); err != nil {
		t.Fatal(err)
	}
	return to
}

// renamed gives a batch other column names.
func renamed(b arrow.RecordBatch, name func(string) string) arrow.RecordBatch {
	fields := b.Schema().Fields()
	for i := range fields {
		fields[i].Name = name(fields[i].Name)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), b.Columns(), b.NumRows())
}

func allocator() memory.Allocator { return memory.NewGoAllocator() }

// fileOf keeps text in a file of its own.
func fileOf(t testing.TB, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parsed(t testing.TB, filter string) expr.Expr {
	t.Helper()
	e, err := expr.Parse(filter)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
