package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestSnapshotJSON(t *testing.T) {
	layers := everything(prometheus.NewRegistry())
	s := wrap(t, newFake(t), layers...)
	tour(t, s)
	first := export(t, layers[0])
	tour(t, s)
	text, err := json.MarshalIndent(export(t, layers[0]).Sub(first), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Golden(t, "testdata/snapshot.json", string(text)+"\n")
	var back metrics.Snapshot
	if err := json.Unmarshal(text, &back); err != nil || back.Operations["read"].Count != 6 {
		t.Error(err, back)
	}
	if strings.Contains(string(text), secret) {
		t.Error("a value is in the snapshot")
	}
}

// What happened twice is, since the first time, what happened once; and a
// snapshot less itself is nothing.
func TestSub(t *testing.T) {
	for _, kind := range []metrics.HistogramKind{metrics.Both, metrics.Native, metrics.Classic} {
		m := metrics.New(prometheus.NewRegistry(), metrics.Histograms(kind), metrics.Clock(ticking()), metrics.PerFeature(9))
		s := wrap(t, newFake(t), m)
		tour(t, s)
		once := export(t, m)
		tour(t, s)
		twice := export(t, m)
		since := twice.Sub(once)
		for op, o := range once.Operations {
			d := since.Operations[op]
			if d.Count != o.Count || d.Rows != o.Rows || d.Bytes != o.Bytes || d.Failed() != o.Failed() || d.Latency.Count != o.Latency.Count {
				t.Errorf("kind %d, %s: %+v, want %+v", kind, op, d, o)
			}
			if d.Latency.P99 != o.Latency.P99 || d.Latency.P50 != o.Latency.P50 || o.Latency.P50 <= 0 {
				t.Errorf("kind %d, %s: latency %+v, want %+v", kind, op, d.Latency, o.Latency)
			}
		}
		if since.Increments != once.Increments {
			t.Errorf("%+v, want %+v", since.Increments, once.Increments)
		}
		for op, o := range twice.Sub(twice).Operations {
			if o.Count != 0 || o.Latency.Count != 0 || o.Latency.P99 != 0 || len(o.Errors) != 0 {
				t.Errorf("kind %d, %s: %+v, want nothing", kind, op, o)
			}
		}
		// A process that began anew in between counts from zero.
		if got := once.Sub(twice).Operations["write"].Count; got != once.Operations["write"].Count {
			t.Errorf("%d writes after a restart", got)
		}
	}
}

// A snapshot that was stored as JSON still gives counts and means.
func TestSubOfStored(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry(), metrics.Clock(ticking()))
	s := wrap(t, newFake(t), m)
	tour(t, s)
	text, err := json.Marshal(export(t, m))
	if err != nil {
		t.Fatal(err)
	}
	var stored metrics.Snapshot
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	tour(t, s)
	got := export(t, m).Sub(stored).Operations["write"].Latency
	if got.Count != 2 || got.Mean <= 0 || got.P99 != 0 {
		t.Errorf("%+v", got)
	}
}

func TestExportStops(t *testing.T) {
	m := metrics.New(prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := m.Export(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Before a store is wrapped there is nothing, and that is no error.
func TestBeforeWrap(t *testing.T) {
	m := metrics.New(nil)
	if s := export(t, m); s.Operations["read"].Count != 0 || len(s.Operations) != 6 {
		t.Errorf("%+v", s)
	}
	var out strings.Builder
	if err := m.WriteText(&out); err != nil || out.String() != "# EOF\n" {
		t.Errorf("%v %q", err, out.String())
	}
	m.Unwatch()
}

// A scraper that speaks OpenMetrics gets it, and one broken series does not
// hide the others.
func TestHandler(t *testing.T) {
	reg := metrics.NewRegistry()
	m := metrics.New(reg, metrics.WatchDrift("bad", func() metrics.Drift { panic("boom") }))
	_, _ = wrap(t, newFake(t), m).Stat(t.Context(), core.StatRequest{Key: "a"})
	req := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	metrics.Handler(reg).ServeHTTP(w, req)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `metaxy_operations_total{op="stat",outcome="ok",store="default"} 1.0`) || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
