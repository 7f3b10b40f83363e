package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/storetest"
)

// frozen passes on reads and takes writes without keeping them, so that every
// cell of the matrix is asked of the same data. It counts what reached it.
type frozen struct {
	next  core.Store
	calls int
}

func (f *frozen) Write(_ context.Context, req core.WriteRequest) (core.Commit, error) {
	f.calls++
	n, err := req.Rows.Count()
	return core.Commit{Rows: n}, err
}

func (f *frozen) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	f.calls++
	return f.next.Read(ctx, req)
}

func (f *frozen) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	f.calls++
	return f.next.Resolve(ctx, req)
}

func (f *frozen) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	f.calls++
	return f.next.List(ctx, req)
}

func (f *frozen) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	f.calls++
	return f.next.Stat(ctx, req)
}

func (f *frozen) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	f.calls++
	return f.next.Stat(ctx, core.StatRequest{Key: req.Key})
}
func (f *frozen) Capabilities() core.Capabilities { return f.next.Capabilities() }
func (f *frozen) Close() error                    { return nil }

const canary = "CANARY"

// matrix is one policy with the store that it guards.
type matrix struct {
	*oracle
	t     *testing.T
	below *frozen
	s     core.Store
	graph *core.Graph
	cells int
	yes   int
}

func matrixGraph(t *testing.T) *core.Graph {
	t.Helper()
	g, err := core.NewGraph(
		core.NewFeature("a/x"), core.NewFeature("a/y/z"), core.NewFeature("b/x"),
		core.NewFeature("down/plain", core.DependsOn("a/x")),
		core.NewFeature("down/where", core.DependsOn("a/x", core.Where(expr.Col("secret").HasPrefix(canary)))),
		core.NewFeature("down/renamed", core.DependsOn("a/x", core.Rename("secret", "harmless"))),
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var matrixSchema = arrow.NewSchema([]arrow.Field{
	{Name: "sample_id", Type: arrow.BinaryTypes.String},
	{Name: "region", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "size", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "secret", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
}, nil)

var matrixColumns = []string{"sample_id", "region", "size", "secret", core.ColDataVersion}

// matrixRow is sample i: two regions and none, sizes up to 7.
func matrixRow(i int) []any {
	region := []any{"us", "eu", nil}[i%3]
	return []any{fmt.Sprintf("s%d", i), region, i, fmt.Sprintf("%s-%04d", canary, i), []any{fmt.Sprintf("v%d", i)}}
}

const matrixRows = 8

func matrixStore(t *testing.T, g *core.Graph) core.Store {
	t.Helper()
	mem := storetest.Allocator(t)
	s := memstore.New(memstore.Allocator(mem))
	t.Cleanup(func() { _ = s.Close() })
	for _, key := range dataKeys {
		p, err := g.Plan(key)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]any
		for i := range matrixRows {
			rows = append(rows, matrixRow(i))
		}
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: p, Rows: storetest.RowsIn(t, mem, 3, matrixSchema, rows...)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

var dataKeys = []core.FeatureKey{"a/x", "a/y/z", "b/x"}

func (m *matrix) ctx(id identity.Identity) context.Context { return identity.With(m.t.Context(), id) }

// answer checks one cell: who asks for what, what the oracle says, what came.
func (m *matrix) answer(id identity.Identity, what string, want bool, err error) {
	m.t.Helper()
	m.cells++
	if want {
		m.yes++
	}
	switch {
	case want && err != nil, !want && !errors.Is(err, core.ErrDenied):
		m.t.Fatalf("%s %v %s: %v, the oracle says %v\n%s", id.Name, id.Groups, what, err, want, m.text())
	case err != nil && strings.Contains(err.Error(), canary):
		m.t.Fatalf("%s %s: the error holds a value: %v", id.Name, what, err)
	}
}

func (m *matrix) same(id identity.Identity, what string, want, got []string) {
	m.t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		m.t.Fatalf("%s %v %s: %v, the oracle says %v\n%s", id.Name, id.Groups, what, got, want, m.text())
	}
}

// untouched runs a call and reports one that was denied by permission and
// still reached the store below.
func (m *matrix) untouched(id identity.Identity, what string, want bool, call func() error) {
	m.t.Helper()
	before := m.below.calls
	err := call()
	if !want && m.below.calls != before {
		m.t.Fatalf("%s %s: denied, but the store below was asked\n%s", id.Name, what, m.text())
	}
	m.answer(id, what, want, err)
}

func (m *matrix) read(id identity.Identity, key core.FeatureKey) {
	rowsOf := func(columns []string, filter expr.Expr, keep func(row []any) bool, asOf core.AsOf, history bool) func() error {
		return func() error {
			rows, err := m.s.Read(m.ctx(id), core.ReadRequest{Key: key, Columns: columns, Filter: filter, AsOf: asOf, History: history})
			if err != nil {
				return err
			}
			got, err := storetest.Lines(rows)
			if err == nil {
				m.same(id, fmt.Sprintf("read %s %v", key, columns), m.visible(id, key, columns, keep), got)
			}
			return err
		}
	}
	all := func([]any) bool { return true }
	can := m.may(id, key, "read")
	m.untouched(id, "reads "+string(key), can, rowsOf(nil, nil, all, core.AsOf{}, false))
	for i, c := range matrixColumns {
		seen := can && m.shown(id, key, c) != "hide"
		m.untouched(id, fmt.Sprintf("reads %s of %s", c, key), seen, rowsOf([]string{c}, nil, all, core.AsOf{}, false))
		m.untouched(id, fmt.Sprintf("reads %s of %s in the past", c, key), seen, rowsOf([]string{c}, nil, all, core.AtCommit(1), false))
		m.untouched(id, fmt.Sprintf("reads %s of the history of %s", c, key), seen, rowsOf([]string{c}, nil, all, core.AsOf{}, true))
		if i == 4 {
			continue
		}
		used := can && m.shown(id, key, c) == "read" && m.shown(id, key, "sample_id") != "hide"
		keep := func(row []any) bool { return row[i] != nil }
		m.untouched(id, fmt.Sprintf("filters %s by %s", key, c), used, rowsOf([]string{"sample_id"}, expr.Col(c).IsNotNull(), keep, core.AsOf{}, false))
		deep := expr.Or(expr.Col("sample_id").Eq("none"), expr.Not(expr.Col(c).IsNull()))
		used = used && m.shown(id, key, "sample_id") == "read"
		m.untouched(id, fmt.Sprintf("filters %s deep by %s", key, c), used, rowsOf([]string{"sample_id"}, deep, keep, core.AsOf{}, false))
	}
}

func (m *matrix) stat(id identity.Identity, key core.FeatureKey) {
	m.untouched(id, "stats "+string(key), m.may(id, key, "stat"), func() error {
		info, err := m.s.Stat(m.ctx(id), core.StatRequest{Key: key, Commits: -1})
		if err == nil {
			m.describes(id, info)
		}
		return err
	})
}

// describes holds what an Info tells to what the caller may know.
func (m *matrix) describes(id identity.Identity, info core.Info) {
	var want, got []string
	for _, c := range matrixColumns {
		if m.shown(id, info.Key, c) != "hide" {
			want = append(want, c)
		}
	}
	for _, f := range info.Schema.Fields() {
		got = append(got, f.Name)
	}
	m.same(id, "columns of "+string(info.Key), want, got)
	limited := m.limited(id, info.Key)
	if limited != (info.Rows == -1) || limited != (info.Bytes == -1) || len(info.Log) > 0 && limited != (info.Log[0].Rows == -1) {
		m.t.Fatalf("%s is told %d rows, %d bytes of %s\n%s", id.Name, info.Rows, info.Bytes, info.Key, m.text())
	}
}

func (m *matrix) list(id identity.Identity) {
	var want []string
	for _, k := range dataKeys {
		if m.may(id, k, "list") && m.may(id, k, "stat") {
			want = append(want, string(k))
		}
	}
	m.untouched(id, "lists", m.mayAnywhere(id, "list"), func() error {
		var got []string
		for info, err := range m.s.List(m.ctx(id), core.ListRequest{}) {
			if err != nil {
				return err
			}
			got = append(got, string(info.Key))
			m.describes(id, info)
		}
		m.same(id, "lists", want, got)
		return nil
	})
}

func (m *matrix) write(id identity.Identity, key core.FeatureKey) {
	p, err := m.graph.Plan(key)
	if err != nil {
		m.t.Fatal(err)
	}
	can := m.may(id, key, "write")
	try := func(what string, want bool, tombstones bool, schema *arrow.Schema, rows ...[]any) {
		b := storetest.Batch(memory.DefaultAllocator, schema, rows...)
		defer b.Release()
		before := m.below.calls
		_, err := m.s.Write(m.ctx(id), core.WriteRequest{Plan: p, Rows: core.RowsOf(schema, b), Tombstones: tombstones})
		if !can && m.below.calls != before {
			m.t.Fatalf("%s %s %s: denied, but the store below was asked", id.Name, what, key)
		}
		m.answer(id, what+" "+string(key), want, err)
	}
	ids := arrow.NewSchema(matrixSchema.Fields()[:1], nil)
	for i := range 4 {
		row := matrixRow(i)
		try(fmt.Sprintf("writes sample %d of", i), can && m.rowSeen(id, key, row), false, matrixSchema, row)
		try(fmt.Sprintf("retires sample %d of", i), can && m.rowSeen(id, key, row), true, ids, row[:1])
		moved := slices.Clone(row)
		moved[1] = "us" // a sample of somebody else's, claimed
		try(fmt.Sprintf("moves sample %d of", i), can && m.rowSeen(id, key, row) && m.rowSeen(id, key, moved), false, matrixSchema, moved)
		fresh := slices.Clone(row)
		fresh[0] = "new"
		try(fmt.Sprintf("adds a sample like %d to", i), can && m.rowSeen(id, key, fresh), false, matrixSchema, fresh)
	}
	try("retires two samples of", can && m.rowSeen(id, key, matrixRow(0)) && m.rowSeen(id, key, matrixRow(1)), true, ids, matrixRow(0)[:1], matrixRow(1)[:1])
	try("retires what is not there of", can && !m.knownByID(id, key), true, ids, []any{"none"})
}

func (m *matrix) evolve(id identity.Identity, key core.FeatureKey) {
	for _, c := range matrixColumns[1:4] {
		want := m.may(id, key, "evolve") && m.shown(id, key, c) == "read" && m.shown(id, key, "fine") == "read" &&
			(m.administers(id, key) || !m.inRowRule(key, c) && !m.losesRule(key, c, "fine"))
		m.untouched(id, fmt.Sprintf("renames %s of %s", c, key), want, func() error {
			_, err := m.s.Evolve(m.ctx(id), core.EvolveRequest{Key: key, Base: 1, Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: c, To: "fine"}}})
			return err
		})
	}
}

func (m *matrix) resolve(id identity.Identity) {
	for _, key := range []core.FeatureKey{"down/plain", "down/where", "down/renamed"} {
		for _, column := range []string{"", "region", "size", "secret"} {
			name := column
			if key == "down/renamed" && column == "secret" {
				name = "harmless"
			}
			p, err := m.graph.Plan(key)
			if err != nil {
				m.t.Fatal(err)
			}
			read := func(k core.FeatureKey, c string) bool { return m.shown(id, k, c) == "read" }
			want := m.may(id, key, "resolve") && m.may(id, "a/x", "read") && read(key, "sample_id") && read(key, core.ColDataVersion) &&
				read("a/x", "sample_id") && read("a/x", core.ColDataVersion) && (key != "down/where" || read("a/x", "secret")) &&
				(column == "" || m.shown(id, "a/x", column) != "hide")
			var columns []string
			if column != "" {
				columns = []string{name}
			}
			m.untouched(id, fmt.Sprintf("resolves %s with %q", key, name), want, func() error {
				inc, err := m.s.Resolve(m.ctx(id), core.ResolveRequest{Plan: p, Columns: columns})
				if err != nil {
					return err
				}
				got, err := storetest.Lines(inc.New)
				if err == nil {
					m.resolved(id, key, column, name, got)
				}
				return err
			})
		}
	}
}

// resolved: exactly the samples that the caller sees, with what they see of the
// column.
func (m *matrix) resolved(id identity.Identity, key core.FeatureKey, column, name string, got []string) {
	var want, have []string
	for i := range matrixRows {
		if row := matrixRow(i); m.rowSeen(id, "a/x", row) {
			line := "sample_id=" + fmt.Sprintf("%q", row[0])
			if column != "" {
				line += " " + name + "=" + m.cell(id, "a/x", column, row)
			}
			want = append(want, line)
		}
	}
	for _, l := range got {
		ids, _, _ := strings.Cut(l, " data_version=")
		have = append(have, ids)
	}
	m.same(id, "resolve "+string(key), want, have)
}

// TestDenialMatrix asks for every operation, by every role, on every column,
// under every row rule of random policies, and holds each answer, to the last
// value, to an oracle that shares no code with the layer.
func TestDenialMatrix(t *testing.T) {
	g := matrixGraph(t)
	data := matrixStore(t, g)
	cells, yes := 0, 0
	for seed := range uint64(110) {
		r := rand.New(rand.NewPCG(seed, 11))
		o := randomOracle(r)
		p, err := rbac.ParsePolicy(o.text())
		if err != nil {
			t.Fatalf("%v\n%s", err, o.text())
		}
		below := &frozen{next: data}
		s, err := rbac.New(p, rbac.MaskKey([]byte("a key for the matrix"))).Wrap(below)
		if err != nil {
			t.Fatal(err)
		}
		m := &matrix{oracle: o, t: t, below: below, s: s, graph: g}
		for _, id := range o.identities() {
			for _, key := range dataKeys {
				m.read(id, key)
				m.stat(id, key)
				m.write(id, key)
				m.evolve(id, key)
			}
			m.list(id)
			m.resolve(id)
		}
		cells, yes = cells+m.cells, yes+m.yes
	}
	if cells < 50_000 || yes < cells/10 || yes > cells*9/10 {
		t.Errorf("%d cells of which %d are allowed: too few, or too much alike", cells, yes)
	}
	t.Logf("%d cells, %d allowed, no difference", cells, yes)
}
