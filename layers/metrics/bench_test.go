package metrics_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/metrics"
)

// A Stat through the layer over a store that does nothing: what the layer
// costs, the two readings of the clock included.
func BenchmarkStat(b *testing.B) {
	run := func(name string, opts ...metrics.Option) {
		b.Run(name, func(b *testing.B) {
			s := wrap(b, newFake(b), metrics.New(prometheus.NewRegistry(), opts...))
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"})
			}
		})
	}
	b.Run("bare", func(b *testing.B) {
		s, ctx := newFake(b), context.Background()
		for b.Loop() {
			_, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"})
		}
	})
	run("both")
	run("native", metrics.Histograms(metrics.Native))
	run("classic", metrics.Histograms(metrics.Classic))
	run("per feature", metrics.PerFeature(100))
	run("unsampled", metrics.Exemplars(func(context.Context) map[string]string { return nil }))
	labels := map[string]string{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7"}
	run("sampled", metrics.Exemplars(func(context.Context) map[string]string { return labels }))
}

// A read of two batches with its loop: two events.
func BenchmarkRead(b *testing.B) {
	for _, layer := range []bool{false, true} {
		name := map[bool]string{false: "bare", true: "layer"}[layer]
		b.Run(name, func(b *testing.B) {
			s := newFake(b)
			if layer {
				s = wrap(b, s, metrics.New(prometheus.NewRegistry()))
			}
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				rows, _ := s.Read(ctx, core.ReadRequest{Key: "video/raw"})
				_, _ = rows.Count()
			}
		})
	}
}

func BenchmarkExport(b *testing.B) {
	m := metrics.New(prometheus.NewRegistry(), metrics.PerFeature(100))
	tour(b, wrap(b, newFake(b), m))
	for b.Loop() {
		_, _ = m.Export(context.Background())
	}
}

// No allocation on the way of a call.
func TestNoAllocations(t *testing.T) {
	s := wrap(t, newFake(t), metrics.New(prometheus.NewRegistry(), metrics.PerFeature(10)))
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"}) }); n != 0 {
		t.Errorf("%v allocations for each call", n)
	}
}
