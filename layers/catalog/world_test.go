package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// planOf plans a root feature with two containers.
func planOf(tb testing.TB, key core.FeatureKey) *core.Plan {
	tb.Helper()
	g, err := core.NewGraph(core.NewFeature(string(key), core.Container("audio"), core.Container("frames")))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := g.Plan(key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// sample is a row: an id and the version of both containers.
type sample struct{ id, audio, frames string }

func rowsOf(samples ...sample) core.Rows {
	versions := core.DataVersionType([]string{"audio", "frames"})
	schema := arrow.NewSchema([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}, {Name: core.ColDataVersion, Type: versions}}, nil)
	b := array.NewRecordBuilder(arrowmem.NewGoAllocator(), schema)
	defer b.Release()
	for _, s := range samples {
		b.Field(0).(*array.StringBuilder).Append(s.id)
		v := b.Field(1).(*array.StructBuilder)
		v.Append(true)
		v.FieldBuilder(0).(*array.StringBuilder).Append(s.audio)
		v.FieldBuilder(1).(*array.StringBuilder).Append(s.frames)
	}
	return core.RowsOf(schema, b.NewRecordBatch())
}

func idsOf(ids ...string) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(arrowmem.NewGoAllocator(), schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues(ids, nil)
	return core.RowsOf(schema, b.NewRecordBatch())
}

// samplesOf makes n samples with versions of their own.
func samplesOf(n int, round int) []sample {
	out := make([]sample, n)
	for i := range out {
		out[i] = sample{fmt.Sprintf("s%04d", i), fmt.Sprintf("%064x", i*31+round), fmt.Sprintf("v%d", i%3)}
	}
	return out
}

func wrap(tb testing.TB, k *catalog.Keeper, next core.Store) core.Store {
	tb.Helper()
	s, err := k.Wrap(next)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func write(tb testing.TB, s core.Store, key core.FeatureKey, samples ...sample) core.Commit {
	tb.Helper()
	c, err := s.Write(tb.Context(), core.WriteRequest{Plan: planOf(tb, key), Rows: rowsOf(samples...)})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func newStore(tb testing.TB) core.Store {
	tb.Helper()
	s := memory.New(memory.Allocator(storetest.Allocator(tb)))
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// fromStore is what a catalog should say of a store, counted row by row.
func fromStore(tb testing.TB, s core.Store) []string {
	tb.Helper()
	var out []string
	for info, err := range s.List(tb.Context(), core.ListRequest{}) {
		if err != nil {
			tb.Fatal(err)
		}
		all, err := s.Stat(tb.Context(), core.StatRequest{Key: info.Key, Commits: -1})
		if err != nil {
			tb.Fatal(err)
		}
		rows := int64(0)
		for _, c := range all.Log {
			out = append(out, commitLine(info.Key, c))
			if !c.Tombstones {
				rows += c.Rows
			}
		}
		out = append(out, fmt.Sprintf("%s generation %d rows %d schema %d", info.Key, info.Generation, rows, info.SchemaVersion))
		out = append(out, versionsInStore(tb, s, info.Key)...)
	}
	return out
}

func commitLine(key core.FeatureKey, c core.Commit) string {
	return fmt.Sprintf("%s commit %d %q %d %d %s %t", key, c.Seq, c.ID, c.Rows, c.Bytes, c.Time.UTC(), c.Tombstones)
}

func versionsInStore(tb testing.TB, s core.Store, key core.FeatureKey) []string {
	tb.Helper()
	rows, err := s.Read(tb.Context(), core.ReadRequest{Key: key, History: true, Columns: []string{core.ColDataVersion}})
	if err != nil {
		tb.Fatal(err)
	}
	count := map[string]int{}
	for b, err := range rows.All() {
		if err != nil {
			tb.Fatal(err)
		}
		v := b.Column(0).(*array.Struct)
		for i, f := range v.DataType().(*arrow.StructType).Fields() {
			for row := range v.Len() {
				if v.IsValid(row) && v.Field(i).IsValid(row) {
					count[f.Name+" "+v.Field(i).ValueStr(row)]++
				}
			}
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%s %s %d", key, k, count[k]))
	}
	return out
}

// fromCatalog is what a catalog does say.
func fromCatalog(tb testing.TB, c catalog.Catalog) []string {
	tb.Helper()
	var out []string
	for e, err := range c.Features(tb.Context(), catalog.Query{}) {
		if err != nil {
			tb.Fatal(err)
		}
		if !e.Known() {
			continue
		}
		for m, err := range c.History(tb.Context(), e.Key) {
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, commitLine(e.Key, m.Commit))
		}
		out = append(out, fmt.Sprintf("%s generation %d rows %d schema %d", e.Key, e.Generation, e.Rows, e.Info.SchemaVersion))
		var versions []string
		for _, at := range e.Containers {
			for v, err := range c.MaterializedVersions(tb.Context(), e.Key, at.Container) {
				if err != nil {
					tb.Fatal(err)
				}
				versions = append(versions, fmt.Sprintf("%s %s %s %d", e.Key, at.Container, v.Version, v.Rows))
			}
		}
		slices.Sort(versions)
		out = append(out, versions...)
	}
	return out
}

// agree fails unless the catalog tells exactly what the store holds, and no
// write is left that began and did not end.
func agree(tb testing.TB, s core.Store, c catalog.Catalog) {
	tb.Helper()
	for e, err := range c.Features(tb.Context(), catalog.Query{}) {
		if err != nil || len(e.Pending) > 0 {
			tb.Errorf("%s has intents that did not end: %v, %v", e.Key, e.Pending, err)
		}
	}
	if d := storetest.Diff(fromStore(tb, s), fromCatalog(tb, c)); d != "" {
		tb.Errorf("the catalog differs from the store (want is the store):\n%s", d)
	}
}

var errDown = fmt.Errorf("%w: the power is out", core.ErrUnavailable)

// power goes out after some calls, of the store and of the catalog together.
type power struct {
	mu    sync.Mutex
	left  int  // calls that still work; negative: no end
	after bool // the last call takes effect although its caller does not hear of it
	out   bool
	calls int
}

func (p *power) begin() (err, late error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return errDown, nil
	}
	p.calls++
	if p.left < 0 {
		return nil, nil
	}
	if p.left--; p.left >= 0 {
		return nil, nil
	}
	p.out = true
	if p.after {
		return nil, errDown
	}
	return errDown, nil
}

// mortal is a catalog on that power.
type mortal struct {
	catalog.Catalog
	*power
}

func (m mortal) do(f func() error) error {
	err, late := m.begin()
	if err == nil {
		if err = f(); err == nil {
			err = late
		}
	}
	return err
}

func (m mortal) Begin(ctx context.Context, i catalog.Intent) error {
	return m.do(func() error { return m.Catalog.Begin(ctx, i) })
}

func (m mortal) Abandon(ctx context.Context, i catalog.Intent) error {
	return m.do(func() error { return m.Catalog.Abandon(ctx, i) })
}

func (m mortal) RegisterMaterialization(ctx context.Context, x catalog.Materialization, v catalog.Versions) error {
	return m.do(func() error { return m.Catalog.RegisterMaterialization(ctx, x, v) })
}

func (m mortal) Describe(ctx context.Context, i core.Info) error {
	return m.do(func() error { return m.Catalog.Describe(ctx, i) })
}

func (m mortal) Drop(ctx context.Context, k core.FeatureKey) error {
	return m.do(func() error { return m.Catalog.Drop(ctx, k) })
}

func (m mortal) Entry(ctx context.Context, k core.FeatureKey) (e catalog.Entry, err error) {
	err = m.do(func() error { e, err = m.Catalog.Entry(ctx, k); return err })
	return e, err
}

func (m mortal) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	if err := m.do(func() error { return nil }); err != nil {
		return func(yield func(catalog.Entry, error) bool) { yield(catalog.Entry{}, err) }
	}
	return m.Catalog.Features(ctx, q)
}

func (m mortal) History(ctx context.Context, k core.FeatureKey) iter.Seq2[catalog.Materialization, error] {
	if err := m.do(func() error { return nil }); err != nil {
		return func(yield func(catalog.Materialization, error) bool) { yield(catalog.Materialization{}, err) }
	}
	return m.Catalog.History(ctx, k)
}

// mortalStore is a store on that power.
type mortalStore struct {
	next core.Store
	*power
}

func (m mortalStore) do(f func() error) error { return mortal{power: m.power}.do(f) }

func (m mortalStore) Write(ctx context.Context, r core.WriteRequest) (c core.Commit, err error) {
	err = m.do(func() error { c, err = m.next.Write(ctx, r); return err })
	return c, err
}

func (m mortalStore) Read(ctx context.Context, r core.ReadRequest) (rows core.Rows, err error) {
	err = m.do(func() error { rows, err = m.next.Read(ctx, r); return err })
	return rows, err
}

func (m mortalStore) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	return m.next.Resolve(ctx, r)
}

func (m mortalStore) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	if err := m.do(func() error { return nil }); err != nil {
		return func(yield func(core.Info, error) bool) { yield(core.Info{}, err) }
	}
	return m.next.List(ctx, r)
}

func (m mortalStore) Stat(ctx context.Context, r core.StatRequest) (i core.Info, err error) {
	err = m.do(func() error { i, err = m.next.Stat(ctx, r); return err })
	return i, err
}

func (m mortalStore) Evolve(ctx context.Context, r core.EvolveRequest) (i core.Info, err error) {
	err = m.do(func() error { i, err = m.next.Evolve(ctx, r); return err })
	return i, err
}
func (m mortalStore) Capabilities() core.Capabilities { return m.next.Capabilities() }
func (m mortalStore) Close() error                    { return nil }

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.mu.Unlock()
}

// notFound asks through the layer whether a feature is there.
func notFound(tb testing.TB, s core.Store, key core.FeatureKey) bool {
	tb.Helper()
	_, err := s.Stat(tb.Context(), core.StatRequest{Key: key})
	_, readErr := s.Read(tb.Context(), core.ReadRequest{Key: key})
	if errors.Is(err, core.ErrFeatureNotFound) != errors.Is(readErr, core.ErrFeatureNotFound) {
		tb.Errorf("Stat says %v and Read says %v", err, readErr)
	}
	return errors.Is(err, core.ErrFeatureNotFound)
}
