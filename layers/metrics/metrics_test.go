package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	storetest.RunLayer(t, storetest.LayerConfig{Layer: func(testing.TB) core.Layer {
		return metrics.New(metrics.NewRegistry(), metrics.PerFeature(2))
	}})
}

// All that there is, as a scraper sees it.
func TestExposition(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	layers := everything(reg)
	tour(t, wrap(t, newFake(t), layers...))
	for i, name := range []string{"exposition.txt", "probe.txt"} {
		var out bytes.Buffer
		if err := layers[i].WriteText(&out); err != nil {
			t.Fatal(err)
		}
		storetest.Golden(t, "testdata/"+name, out.String())
		if strings.Contains(out.String(), secret) {
			t.Error("a value, a key that is none or an error's text is a label")
		}
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What is expected is no error: a missing feature, a loop left early.
func TestExpectedIsNoError(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry())
	tour(t, wrap(t, newFake(t), m))
	got := export(t, m)
	stat, read := got.Operations["stat"], got.Operations["read"]
	if stat.Failed() != 0 || stat.Outcomes["not_found"] != 1 {
		t.Errorf("stat: %+v", stat)
	}
	// One store that was down, one stream that was cut.
	if read.Failed() != 2 || read.Errors["unavailable"] != 1 || read.Errors["integrity"] != 1 || read.Streams["partial"] != 1 {
		t.Errorf("read: %+v", read)
	}
	if list := got.Operations["list"]; list.Count != 2 || list.Outcomes["partial"] != 1 {
		t.Errorf("list: %+v", list)
	}
}

// Every operation is counted: none was forgotten in the tables.
func TestEveryOperation(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry())
	tour(t, wrap(t, newFake(t), m))
	got := export(t, m)
	for op := range core.Ops() {
		if got.Operations[op.String()].Count == 0 {
			t.Errorf("%s is not counted", op)
		}
	}
}

// Over a real store, with faults below.
func TestFaults(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry())
	faults := storetest.Fault()
	below, err := faults.Wrap(memory.New())
	if err != nil {
		t.Fatal(err)
	}
	s := wrap(t, below, m)
	storetest.Fill(t, s)
	before := export(t, m)
	faults.Set(storetest.FailNth(core.OpRead, 1, core.ErrDenied), storetest.MidStream(core.OpRead, 2, 0, core.ErrUnavailable))
	for range 3 {
		if rows, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo}); err == nil {
			_, _ = rows.Count()
		}
	}
	read := export(t, m).Sub(before).Operations["read"]
	if read.Count != 3 || read.Errors["denied"] != 1 || read.Errors["unavailable"] != 1 || read.Rows != 10 || read.Bytes == 0 {
		t.Errorf("%+v", read)
	}
	if write := before.Operations["write"]; write.Rows == 0 || write.Bytes == 0 {
		t.Errorf("%+v", write)
	}
}

// Nothing stays in flight, whichever way an operation ends.
func TestInFlight(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry())
	s := wrap(t, newFake(t), m)
	tour(t, s)
	for op, o := range export(t, m).Operations {
		if o.InFlight != 0 {
			t.Errorf("%s: %d in flight", op, o.InFlight)
		}
	}
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "video/raw"})
	if err != nil {
		t.Fatal(err)
	}
	for range rows.Batches {
		if n := export(t, m).Operations["read"].InFlight; n != 1 {
			t.Errorf("%d in flight within a loop", n)
		}
	}
}

// Two stacks on one registry share its metrics, also through a registerer that
// adds labels, and whatever options differ.
func TestSharedRegistry(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	labelled := prometheus.WrapRegistererWith(prometheus.Labels{"team": "vision"}, prometheus.NewRegistry())
	for name, r := range map[string]prometheus.Registerer{"plain": reg, "labelled": labelled} {
		t.Run(name, func(t *testing.T) {
			one := metrics.New(r, metrics.Store("a"))
			same := metrics.New(r, metrics.Store("a"), metrics.PerFeature(3))
			other := metrics.New(r, metrics.Store("b"), metrics.Histograms(metrics.Classic))
			for _, m := range []*metrics.Metrics{one, same, other, one} {
				tour(t, wrap(t, newFake(t), m))
			}
			a, b := export(t, one).Operations["stat"].Count, export(t, other).Operations["stat"].Count
			if a != 6 || b != 2 {
				t.Errorf("store a counts %d, want 6; store b %d, want 2", a, b)
			}
		})
	}
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}

// A probe does not add to the numbers of the stack above it.
func TestProbe(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	layers := everything(reg)
	tour(t, wrap(t, newFake(t), layers...))
	if layers[1].Info().Phase != core.PhaseProbe || layers[0].Info().Phase != core.PhaseObserve {
		t.Error("wrong phases")
	}
	a, b := export(t, layers[0]), export(t, layers[1])
	if a.Operations["write"].Count != 2 || b.Operations["write"].Count != 2 || b.Backend != "duckdb" {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// What a registry or the options do not allow is an error of Wrap, and leaves
// nothing registered.
func TestRefusals(t *testing.T) {
	nothing := func(*prometheus.Registry) {}
	foreign := func(c prometheus.Collector) func(*prometheus.Registry) {
		return func(r *prometheus.Registry) { _ = r.Register(c) }
	}
	opts := prometheus.GaugeOpts{Name: "metaxy_bytes_total", Help: "Arrow bytes of these rows."}
	for name, c := range map[string]struct {
		prepare func(*prometheus.Registry)
		opts    []metrics.Option
		want    error
	}{
		"another metric of the name": {foreign(prometheus.NewGauge(prometheus.GaugeOpts{Name: "metaxy_bytes_total", Help: "x"})), nil, core.ErrConflict},
		"another kind, same labels":  {foreign(prometheus.NewGaugeVec(opts, []string{"store", "op"})), nil, core.ErrConflict},
		"the same without labels":    {foreign(prometheus.NewGauge(opts)), nil, core.ErrConflict},
		"store without a name":       {nothing, []metrics.Option{metrics.Store("")}, core.ErrInvalid},
		"store that is no text":      {nothing, []metrics.Option{metrics.Store("\xff")}, core.ErrInvalid},
		"backend without a name":     {nothing, []metrics.Option{metrics.Probe("")}, core.ErrInvalid},
		"no features":                {nothing, []metrics.Option{metrics.PerFeature(0)}, core.ErrInvalid},
		"cache without a name":       {nothing, []metrics.Option{metrics.WatchCache("", func() (s metrics.CacheStats) { return })}, core.ErrInvalid},
		"cache without a function":   {nothing, []metrics.Option{metrics.WatchCache("c", nil)}, core.ErrInvalid},
		"catalog without a function": {nothing, []metrics.Option{metrics.WatchDrift("c", nil)}, core.ErrInvalid},
		"unknown histograms":         {nothing, []metrics.Option{metrics.Histograms(9)}, core.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			c.prepare(reg)
			before, _ := reg.Gather()
			m := metrics.New(reg, c.opts...)
			if _, err := m.Wrap(newFake(t)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			after, _ := reg.Gather()
			if len(after) != len(before) {
				t.Errorf("%d metrics, %d before", len(after), len(before))
			}
			for _, s := range core.Sentinels() {
				if _, err := m.Wrap(newFake(t)); errors.Is(err, s) != (s == c.want) { //nolint:errorlint // identity of sentinels is meant
					t.Errorf("%v: matches %v", err, s)
				}
			}
			// A registry without the foreign metric takes everything.
			if c.want == core.ErrConflict { //nolint:errorlint // identity of sentinels is meant
				wrap(t, newFake(t), metrics.New(prometheus.NewRegistry(), c.opts...))
			}
		})
	}
}

func TestNoRegistry(t *testing.T) {
	var none *prometheus.Registry
	for _, r := range []prometheus.Registerer{nil, none} {
		if _, err := metrics.New(r).Wrap(newFake(t)); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := metrics.New(prometheus.NewRegistry()).Wrap(nil); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// Features have labels up to the limit, and questions for what is not there
// take none.
func TestPerFeature(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry(), metrics.PerFeature(2))
	s := wrap(t, newFake(t), m)
	ctx := t.Context()
	for _, key := range []core.FeatureKey{missing, down, "bad key", metrics.Other, "a", "b", "c", "d", "a"} {
		_, _ = s.Stat(ctx, core.StatRequest{Key: key})
	}
	want := map[string]int64{"a": 2, "b": 1, metrics.Other: 6}
	got := export(t, m).Features
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for key, n := range want {
		if got[key].Operations["stat"] != n {
			t.Errorf("%s: %v, want %d", key, got[key], n)
		}
	}
	var out bytes.Buffer
	if err := m.WriteText(&out); err != nil || !strings.Contains(out.String(), `metaxy_feature_labels_dropped_total{store="default"} 2.0`) {
		t.Error(err, out.String())
	}
}

func TestFeatureIncrement(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry(), metrics.PerFeature(5))
	s := wrap(t, newFake(t), m)
	tour(t, s)
	tour(t, s)
	got := export(t, m)
	want := metrics.Increments{New: 4, Stale: 3, Orphaned: 2, Unchanged: 10, Missing: 1}
	if f := got.Features[string(storetest.KeyCrop)]; f.Last != want || f.Rows["resolve"] != 8 {
		t.Errorf("%+v", f)
	}
	if got.Increments.Stale != 6 {
		t.Errorf("%+v", got.Increments)
	}
}

// The numbers of the cache layer convert to those that are shown.
func TestWatchCache(t *testing.T) {
	hits := cache.New()
	m := metrics.New(prometheus.NewRegistry(),
		metrics.WatchCache("rows", func() metrics.CacheStats { return metrics.CacheStats(hits.Stats()) }),
		metrics.WatchCache("twice", func() metrics.CacheStats { return metrics.CacheStats{Hits: 3, Misses: 1} }),
		metrics.WatchCache("twice", func() metrics.CacheStats { return metrics.CacheStats{Hits: 3, Misses: 1} }))
	wrap(t, newFake(t), m)
	got := export(t, m).Caches
	if len(got) != 2 || got["twice"].Hits != 6 || got["twice"].HitRatio != .75 {
		t.Errorf("%+v", got)
	}
	m.Unwatch()
	if got := export(t, m).Caches; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A function that panics spoils its own numbers, not the process.
func TestWatchedPanic(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, metrics.WatchDrift("bad", func() metrics.Drift { panic("boom") }))
	wrap(t, newFake(t), m)
	if _, err := m.Export(t.Context()); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("got %v", err)
	}
	if families, err := reg.Gather(); err == nil || len(families) == 0 {
		t.Errorf("%d families, %v", len(families), err)
	}
}

// Times carry the trace of a context that has one; labels that Prometheus would
// panic at are left out.
func TestExemplars(t *testing.T) {
	type traced struct{}
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, metrics.Exemplars(func(ctx context.Context) map[string]string {
		labels, _ := ctx.Value(traced{}).(map[string]string)
		return labels
	}))
	s := wrap(t, newFake(t), m)
	stat := func(labels map[string]string) {
		_, _ = s.Stat(context.WithValue(t.Context(), traced{}, labels), core.StatRequest{Key: "a"})
	}
	for _, bad := range []map[string]string{nil, {"": "x"}, {"__name": "x"}, {"a": "\xff"}, {"\xff": "a"}, {"a": strings.Repeat("x", 200)}} {
		stat(bad)
	}
	if n := exemplars(t, reg); n != 0 {
		t.Errorf("%d exemplars of labels that make none", n)
	}
	stat(map[string]string{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})
	if n := exemplars(t, reg); n == 0 {
		t.Error("no exemplar")
	}
}

func TestConcurrentUse(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry(), metrics.PerFeature(1))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := m.Wrap(newFake(t))
			if err != nil {
				t.Error(err)
				return
			}
			tour(t, s)
			_, _ = m.Export(t.Context())
		})
	}
	wg.Wait()
	if n := export(t, m).Operations["write"].Count; n != 8 {
		t.Errorf("%d writes", n)
	}
}

func export(t testing.TB, m *metrics.Metrics) metrics.Snapshot {
	t.Helper()
	s, err := m.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exemplars(t *testing.T, g prometheus.Gatherer) int {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	each(families, func(_ string, m *dto.Metric) {
		n += len(m.GetHistogram().GetExemplars())
		for _, b := range m.GetHistogram().GetBucket() {
			if b.GetExemplar() != nil {
				n++
			}
		}
	})
	return n
}

func each(families []*dto.MetricFamily, do func(name string, m *dto.Metric)) {
	for _, f := range families {
		for _, m := range f.GetMetric() {
			do(f.GetName(), m)
		}
	}
}
