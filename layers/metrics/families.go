package metrics

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
)

// families are the metrics of one prefix, as the registry holds them: perhaps
// made by another layer.
type families struct {
	operations, streams, errors *prometheus.CounterVec
	rows, bytes, increments     *prometheus.CounterVec
	inFlight                    *prometheus.GaugeVec
	duration, stream, first     *prometheus.HistogramVec

	// Of PerFeature, else nil.
	featureOperations, featureRows, featureBytes, dropped *prometheus.CounterVec
	featureIncrement                                      *prometheus.GaugeVec

	caches  *watch[CacheStats]
	drifts  *watch[Drift]
	retries *watch[RetryStats]

	all []prometheus.Collector
}

// register makes the families on reg, or finds them there. On error nothing
// stays registered that was not.
func register(reg prometheus.Registerer, o options) (*families, error) {
	b := &builder{reg: reg, o: o}
	f := &families{
		operations: b.counter("operations_total", "Operations by how their call ended; partial is a list that the caller left early.", "op", "outcome"),
		streams:    b.counter("streams_total", "Loops over the rows of an operation by how they ended; partial is a loop left early.", "op", "outcome"),
		errors:     b.counter("errors_total", "Calls and loops that failed, by kind; a missing feature and a caller who stopped are none.", "op", "class"),
		rows:       b.counter("rows_total", "Rows written, read, or found by a resolve and ranged over.", "op"),
		bytes:      b.counter("bytes_total", "Arrow bytes of these rows.", "op"),
		increments: b.counter("increment_samples_total", "Samples that resolves found, by status.", "status"),
		inFlight:   b.gauge("operations_in_flight", "Calls and loops in progress.", "op"),
		duration:   b.histogram("operation_duration_seconds", "Time of a call; of a list the whole loop without its body.", "op"),
		stream:     b.histogram("stream_duration_seconds", "Time of a loop over rows without its body.", "op"),
		first:      b.histogram("first_batch_seconds", "Time until the first batch: the call and the beginning of the loop.", "op"),
	}
	if o.perFeature {
		f.featureOperations = b.counter("feature_operations_total", "Operations by feature.", "feature", "op", "outcome")
		f.featureRows = b.counter("feature_rows_total", "Rows written, read or found by a resolve, by feature.", "feature", "op")
		f.featureBytes = b.counter("feature_bytes_total", "Arrow bytes of these rows by feature.", "feature", "op")
		f.featureIncrement = b.gauge("feature_increment_samples", "Samples that the last resolve of the feature found, by status.", "feature", "status")
		f.dropped = b.counter("feature_labels_dropped_total", "Operations counted as _other because there are too many features.")
	}
	// The numbers of caches and catalogs belong to the whole stack.
	f.caches = keep(b, newCacheWatch(o))
	f.drifts = keep(b, newDriftWatch(o))
	f.retries = keep(b, newRetryWatch(o))
	if b.err != nil {
		for _, c := range b.fresh {
			reg.Unregister(c)
		}
		return nil, b.err
	}
	f.all = b.all
	return f, nil
}

// builder registers one collector after the other until one is refused.
type builder struct {
	reg   prometheus.Registerer
	o     options
	all   []prometheus.Collector
	fresh []prometheus.Collector
	err   error
}

// keep registers c, or gives the collector of the same kind that is there.
func keep[C prometheus.Collector](b *builder, c C) C {
	if b.err != nil {
		return c
	}
	err := b.reg.Register(c)
	var there prometheus.AlreadyRegisteredError
	switch {
	case err == nil:
		b.fresh = append(b.fresh, c)
	case errors.As(err, &there):
		old, ok := there.ExistingCollector.(C)
		if !ok {
			b.err = fmt.Errorf("%w: the registry holds another metric of this name: %w", core.ErrConflict, err)
			return c
		}
		c = old
	default:
		b.err = fmt.Errorf("%w: the registry refuses a metric: %w", core.ErrConflict, err)
		return c
	}
	b.all = append(b.all, c)
	return c
}

func (b *builder) labels(more []string) []string { return append(b.o.labelNames(), more...) }

func (b *builder) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return keep(b, prometheus.NewCounterVec(prometheus.CounterOpts{Name: b.o.prefix() + name, Help: help}, b.labels(labels)))
}

func (b *builder) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return keep(b, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: b.o.prefix() + name, Help: help}, b.labels(labels)))
}

func (b *builder) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	o := prometheus.HistogramOpts{Name: b.o.prefix() + name, Help: help}
	if b.o.histograms != Native {
		o.Buckets = bounds()
	}
	if b.o.histograms != Classic {
		o.NativeHistogramBucketFactor = 1.1
		o.NativeHistogramMaxBucketNumber = 160
		o.NativeHistogramMinResetDuration = time.Hour
	}
	return keep(b, prometheus.NewHistogramVec(o, b.labels(labels)))
}

// bounds are the classic buckets in seconds: from a read out of memory to a
// resolve of a large feature.
func bounds() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
}
