package fallback_test

import (
	"context"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The features of these tests: root ← leaf.
const (
	root core.FeatureKey = "root"
	leaf core.FeatureKey = "leaf"
)

func planOf(t testing.TB, key core.FeatureKey) *core.Plan {
	t.Helper()
	g, err := core.NewGraph(core.NewFeature(string(root)), core.NewFeature(string(leaf), core.DependsOn(string(root))),
		core.NewFeature("a"), core.NewFeature("b/c"), core.NewFeature("d"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// versions are rows by sample; a version of "" makes tombstones.
type versions map[string]string

func (v versions) rows() core.Rows {
	fields := []arrow.Field{{Name: core.DefaultID, Type: arrow.BinaryTypes.String}}
	tombstones := v.tombstones()
	if !tombstones {
		fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})})
	}
	b := array.NewRecordBuilder(arrowmem.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, id := range slices.Sorted(maps.Keys(v)) {
		b.Field(0).(*array.StringBuilder).Append(id)
		if !tombstones {
			st := b.Field(1).(*array.StructBuilder)
			st.Append(true)
			st.FieldBuilder(0).(*array.StringBuilder).Append(v[id])
		}
	}
	batch := b.NewRecordBatch()
	return core.RowsOf(batch.Schema(), batch)
}

func (v versions) tombstones() bool {
	for _, version := range v {
		if version == "" {
			return true
		}
	}
	return false
}

func put(t testing.TB, s core.Store, key core.FeatureKey, v versions) {
	t.Helper()
	if err := tryPut(t, s, key, v); err != nil {
		t.Fatal(err)
	}
}

func tryPut(t testing.TB, s core.Store, key core.FeatureKey, v versions) error {
	t.Helper()
	_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, key), Rows: v.rows(), Tombstones: v.tombstones()})
	return err
}

func get(t testing.TB, s core.Store, req core.ReadRequest) versions {
	t.Helper()
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return gather(t, rows)
}

// gather reads ids and, where there are any, versions.
func gather(t testing.TB, rows core.Rows) versions {
	t.Helper()
	out := versions{}
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(b.NumRows()) {
			version := ""
			if at := b.Schema().FieldIndices(core.ColDataVersion); len(at) > 0 {
				version = b.Column(at[0]).(*array.Struct).Field(0).ValueStr(i)
			}
			out[b.Column(b.Schema().FieldIndices(core.DefaultID)[0]).ValueStr(i)] = version
		}
	}
	return out
}

func open(t testing.TB) core.Store {
	t.Helper()
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func over(t testing.TB, base core.Store, l core.Layer) core.Store {
	t.Helper()
	s, err := l.Wrap(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// probe counts calls by operation and fails those it is told to.
type probe struct {
	next   core.Store
	fail   map[core.Op]error
	calls  map[core.Op]int
	hook   func(core.Op) // when set, called first
	closed int
}

func watch(next core.Store) *probe {
	return &probe{next: next, fail: map[core.Op]error{}, calls: map[core.Op]int{}}
}

func (p *probe) failAll(err error) {
	for op := range core.Ops() {
		p.fail[op] = err
	}
}

func (p *probe) call(op core.Op) error {
	p.calls[op]++
	if p.hook != nil {
		p.hook(op)
	}
	return core.WrapError(op, "", "probe", p.fail[op])
}

func (p *probe) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	if err := p.call(core.OpWrite); err != nil {
		return core.Commit{}, err
	}
	return p.next.Write(ctx, r)
}

func (p *probe) Read(ctx context.Context, r core.ReadRequest) (core.Rows, error) {
	if err := p.call(core.OpRead); err != nil {
		return core.Rows{}, err
	}
	return p.next.Read(ctx, r)
}

func (p *probe) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	if err := p.call(core.OpResolve); err != nil {
		return core.Increment{}, err
	}
	return p.next.Resolve(ctx, r)
}

func (p *probe) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		for info, err := range p.next.List(ctx, r) {
			if !yield(info, err) {
				return
			}
		}
		if err := p.call(core.OpList); err != nil {
			yield(core.Info{}, err)
		}
	}
}

func (p *probe) Stat(ctx context.Context, r core.StatRequest) (core.Info, error) {
	if err := p.call(core.OpStat); err != nil {
		return core.Info{}, err
	}
	return p.next.Stat(ctx, r)
}

func (p *probe) Evolve(ctx context.Context, r core.EvolveRequest) (core.Info, error) {
	if err := p.call(core.OpEvolve); err != nil {
		return core.Info{}, err
	}
	return p.next.Evolve(ctx, r)
}

func (p *probe) Capabilities() core.Capabilities { return p.next.Capabilities() }

func (p *probe) Close() error {
	p.closed++
	return p.fail[core.OpClose]
}
