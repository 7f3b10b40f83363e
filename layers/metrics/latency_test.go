package metrics

import (
	"math"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// A quantile lies in the bucket of the value that has this rank; native buckets
// are at most 10 percent wide.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(2e-6, 250), 1, 200).Draw(t, "seconds")
		half := rapid.IntRange(0, len(values)-1).Draw(t, "before")
		for _, kind := range []HistogramKind{Both, Classic} {
			b := &builder{reg: prometheus.NewRegistry(), o: newOptions([]Option{Histograms(kind)})}
			h := b.histogram("x_seconds", "x").WithLabelValues("s")
			var before Latency
			for i, v := range values {
				if i == half {
					before = newLatency(written(t, h))
				}
				h.Observe(v)
			}
			check(t, kind, newLatency(written(t, h)), values)
			check(t, kind, newLatency(written(t, h)).sub(before), values[half:])
		}
	})
}

func check(t *rapid.T, kind HistogramKind, got Latency, values []float64) {
	sorted := slices.Sorted(slices.Values(values))
	if got.Count != int64(len(sorted)) {
		t.Fatalf("%d values, want %d", got.Count, len(sorted))
	}
	for q, x := range map[float64]float64{.5: got.P50, .9: got.P90, .99: got.P99} {
		exact := sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
		low, high := exact/1.1, exact*1.1
		if kind == Classic {
			i, _ := slices.BinarySearch(bounds(), exact)
			low, high = 0, bounds()[i]
			if i > 0 {
				low = bounds()[i-1]
			}
		}
		if x < low-1e-12 || x > high+1e-12 {
			t.Fatalf("kind %d: quantile %g is %g, exactly %g", kind, q, x, exact)
		}
	}
}

func written(t *rapid.T, o prometheus.Observer) *dto.Histogram {
	m := &dto.Metric{}
	if err := o.(prometheus.Metric).Write(m); err != nil {
		t.Fatal(err)
	}
	return m.GetHistogram()
}

// A histogram that became coarser still gives the interval.
func TestSubCoarser(t *testing.T) {
	fine := Latency{Count: 3, buckets: []bucket{{1, 1.5, 1}, {1.5, 2, 1}, {2, 3, 1}}}
	coarse := Latency{Count: 6, buckets: []bucket{{1, 2, 4}, {2, 4, 2}}}
	got := coarse.sub(fine)
	if want := []bucket{{1, 2, 2}, {2, 4, 1}}; !slices.Equal(got.buckets, want) {
		t.Errorf("%v, want %v", got.buckets, want)
	}
}

// Times beyond the last bound are told as that bound, as Prometheus does.
func TestBeyondTheLastBound(t *testing.T) {
	b := &builder{reg: prometheus.NewRegistry(), o: newOptions([]Option{Histograms(Classic)})}
	h := b.histogram("x_seconds", "x").WithLabelValues("s")
	h.Observe(1e9)
	var m dto.Metric
	if err := h.(prometheus.Metric).Write(&m); err != nil {
		t.Fatal(err)
	}
	if got := newLatency(m.GetHistogram()).P50; got != 300 {
		t.Errorf("%g", got)
	}
}

// The tables of this package cover what the seam knows.
func TestClassesFit(t *testing.T) {
	for _, c := range around.Classes() {
		if c >= numClasses {
			t.Errorf("class %s is beyond the table", c)
		}
	}
}
