package metrics_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/storetest"
)

// secret stands in every value and literal of the tour, and in error texts.
const secret = "canary"

// Features of the fake that fail; every other one answers.
const (
	missing core.FeatureKey = "not/there"
	down    core.FeatureKey = "down/store"
	cut     core.FeatureKey = "cut/short" // in the middle of its rows
)

// fake answers with the same rows for everything.
type fake struct{ rows core.Rows }

func newFake(t testing.TB) core.Store {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{secret + "-1", secret + "-2"}, nil)
	batch := b.NewRecordBatch()
	t.Cleanup(batch.Release)
	return &fake{rows: core.RowsOf(schema, batch, batch)}
}

func (f *fake) fails(key core.FeatureKey) error {
	switch key {
	case missing:
		return fmt.Errorf("%w: %s", core.ErrFeatureNotFound, secret)
	case down:
		return fmt.Errorf("%w: %s", core.ErrUnavailable, secret)
	}
	return nil
}

func (f *fake) Write(_ context.Context, req core.WriteRequest) (core.Commit, error) {
	if req.Plan == nil {
		return core.Commit{}, core.ErrInvalid
	}
	return core.Commit{Seq: 1, Rows: 4, Bytes: 100}, f.fails(req.Key())
}

func (f *fake) Read(_ context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := f.fails(req.Key); err != nil {
		return core.Rows{}, err
	}
	rows := f.rows
	if req.Key == cut {
		rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
			for b, err := range f.rows.Batches {
				if !yield(b, err) {
					return
				}
				break
			}
			yield(nil, fmt.Errorf("%w: %s", core.ErrIntegrity, secret))
		}
	}
	return rows, nil
}

func (f *fake) Resolve(_ context.Context, req core.ResolveRequest) (core.Increment, error) {
	return core.Increment{New: f.rows, Stats: core.Stats{New: 4, Stale: 3, Orphaned: 2, Unchanged: 10, Missing: 1}}, f.fails(req.Key())
}

func (f *fake) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		_ = yield(core.Info{Key: "a"}, nil) && yield(core.Info{Key: "b"}, nil)
	}
}

func (f *fake) Stat(_ context.Context, req core.StatRequest) (core.Info, error) {
	return core.Info{Key: req.Key}, f.fails(req.Key)
}

func (f *fake) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, core.ErrConflict
}

func (f *fake) Capabilities() core.Capabilities { return core.Capabilities{} }

func (f *fake) Close() error { return nil }

// tour does everything once, well and badly.
func tour(t testing.TB, s core.Store) {
	t.Helper()
	ctx := t.Context()
	plan, err := storetest.Graph().Plan(storetest.KeyCrop)
	if err != nil {
		t.Fatal(err)
	}
	read := func(key core.FeatureKey) {
		if rows, err := s.Read(ctx, core.ReadRequest{Key: key, Filter: expr.Col("sample_id").Eq(secret)}); err == nil {
			_, _ = rows.Count()
		}
	}
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, ID: secret})
	_, _ = s.Write(ctx, core.WriteRequest{})
	for _, key := range []core.FeatureKey{"video/raw", missing, down, cut, secret + " {}\"\n"} {
		read(key)
	}
	if rows, err := s.Read(ctx, core.ReadRequest{Key: "video/raw"}); err == nil {
		for range rows.Batches {
			break
		}
	}
	if inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan}); err == nil {
		_, _ = inc.New.Count()
	}
	_, _ = s.Evolve(ctx, core.EvolveRequest{Key: "video/raw"})
	_, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"})
	_, _ = s.Stat(ctx, core.StatRequest{Key: missing})
	for range s.List(ctx, core.ListRequest{}) {
	}
	for range s.List(ctx, core.ListRequest{}) {
		break
	}
}

// everything is a layer of each place with every option that adds metrics.
func everything(reg prometheus.Registerer) []*metrics.Metrics {
	cache := func() metrics.CacheStats {
		return metrics.CacheStats{Hits: 6, Derived: 2, Missing: 1, Misses: 2, Shared: 2, TooLarge: 1, Evictions: 3, Entries: 4, Bytes: 4096}
	}
	return []*metrics.Metrics{
		metrics.New(reg, metrics.Store("dev"), metrics.Clock(ticking()), metrics.PerFeature(2),
			metrics.WatchCache("rows", cache),
			metrics.WatchRetries(func() metrics.RetryStats {
				return metrics.RetryStats{
					Repeated: map[core.Op]int64{core.OpRead: 5, core.OpWrite: 2}, Recovered: map[core.Op]int64{core.OpRead: 3},
					GaveUp: map[core.Op]int64{core.OpWrite: 1}, Refused: map[core.Op]int64{core.OpStat: 4},
				}
			}),
			metrics.WatchDrift("files", func() metrics.Drift { return metrics.Drift{Missing: 1, Extra: 2, Counts: 3, Stale: 4} })),
		metrics.New(reg, metrics.Store("dev"), metrics.Clock(ticking()), metrics.Probe("duckdb"), metrics.PerFeature(2)),
	}
}

func wrap(t testing.TB, next core.Store, layers ...*metrics.Metrics) core.Store {
	t.Helper()
	for _, l := range layers {
		s, err := l.Wrap(next)
		if err != nil {
			t.Fatal(err)
		}
		next = s
	}
	return next
}

// ticking is a clock on which every reading is a millisecond after the last.
func ticking() func() time.Time {
	var mu sync.Mutex
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Millisecond)
		return at
	}
}
