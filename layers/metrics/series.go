package metrics

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// opSeries are the series of one operation, looked up once.
type opSeries struct {
	inFlight                    prometheus.Gauge
	operations, streams, errors classes
	duration, stream, first     timer
	rows, bytes                 prometheus.Counter // nil where no rows go through
}

// newOpSeries makes the series that begin at zero: a first failure is seen only
// as a rise from there.
func newOpSeries(f *families, base []string, op core.Op) (*opSeries, error) {
	labels := with(base, op.String())
	s := &opSeries{
		operations: classes{vec: f.operations, labels: labels},
		errors:     classes{vec: f.errors, labels: labels},
	}
	var err error
	if s.inFlight, err = f.inFlight.GetMetricWithLabelValues(labels...); err != nil {
		return nil, err
	}
	if s.duration, err = newTimer(f.duration, labels); err != nil {
		return nil, err
	}
	s.operations.get(around.ClassOK)
	for _, c := range around.Classes() {
		if c.Failure() && c < numClasses {
			s.errors.get(c)
		}
	}
	if op == core.OpRead || op == core.OpResolve {
		s.streams = classes{vec: f.streams, labels: labels}
		s.streams.get(around.ClassOK)
		if s.stream, err = newTimer(f.stream, labels); err != nil {
			return nil, err
		}
		if s.first, err = newTimer(f.first, labels); err != nil {
			return nil, err
		}
	}
	if op == core.OpRead || op == core.OpResolve || op == core.OpWrite {
		if s.rows, err = f.rows.GetMetricWithLabelValues(labels...); err != nil {
			return nil, err
		}
		if s.bytes, err = f.bytes.GetMetricWithLabelValues(labels...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// with copies labels before it appends, so that series do not share an array.
func with(labels []string, more ...string) []string {
	return append(append(make([]string, 0, len(labels)+len(more)), labels...), more...)
}

// classes is one counter for each class of outcome, looked up when it is first
// needed: most never happen.
type classes struct {
	vec    *prometheus.CounterVec
	labels []string
	known  [numClasses]atomic.Pointer[prometheus.Counter]
}

func (c *classes) inc(class around.Class) {
	if p := c.known[class].Load(); p != nil {
		(*p).Inc()
		return
	}
	if n := c.get(class); n != nil {
		n.Inc()
	}
}

func (c *classes) get(class around.Class) prometheus.Counter {
	if c.vec == nil {
		return nil
	}
	n, err := c.vec.GetMetricWithLabelValues(with(c.labels, class.String())...)
	if err != nil {
		return nil // labels were checked: cannot be
	}
	c.known[class].Store(&n)
	return n
}

// timer observes durations in seconds.
type timer struct {
	plain  prometheus.Observer
	traced prometheus.ExemplarObserver
}

func newTimer(vec *prometheus.HistogramVec, labels []string) (timer, error) {
	h, err := vec.GetMetricWithLabelValues(labels...)
	if err != nil {
		return timer{}, err
	}
	traced, _ := h.(prometheus.ExemplarObserver)
	return timer{plain: h, traced: traced}, nil
}

func (t timer) observe(ctx context.Context, d time.Duration, exemplar func(context.Context) map[string]string) {
	if t.plain == nil {
		return
	}
	seconds := max(d, 0).Seconds()
	if exemplar != nil && t.traced != nil {
		if labels := exemplar(ctx); fit(labels) {
			t.traced.ObserveWithExemplar(seconds, labels)
			return
		}
	}
	t.plain.Observe(seconds)
}

// fit reports whether labels make an exemplar. Prometheus would panic at those
// that do not.
func fit(labels map[string]string) bool {
	runes := 0
	for k, v := range labels {
		if k == "" || strings.HasPrefix(k, "__") || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return false
		}
		runes += utf8.RuneCountInString(k) + utf8.RuneCountInString(v)
	}
	return len(labels) > 0 && runes <= prometheus.ExemplarMaxRunes
}
