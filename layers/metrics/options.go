package metrics

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
)

// Option sets a choice of New. Options commute.
type Option func(*options)

// Store names the store in the label of the same name; "default" when unset.
func Store(name string) Option { return func(o *options) { o.store = name } }

// Probe measures one backend instead of the whole stack: the layer goes below
// all others, and its metrics are called metaxy_backend_… with a label backend
// of this name, so that sums over a stack do not count an operation twice.
func Probe(backend string) Option {
	return func(o *options) { o.probe, o.backend = true, backend }
}

// PerFeature adds metrics with a label feature, for at most so many features:
// the rest is counted as [Other], and metaxy_feature_labels_dropped_total says
// how much that was. A feature gets its label with its first success, so that
// questions for features that do not exist take none.
func PerFeature(most int) Option {
	return func(o *options) { o.perFeature, o.features = true, most }
}

// Other is the label of features beyond PerFeature's limit.
const Other = "_other"

// Histograms says how times are kept; Both when unset.
func Histograms(kind HistogramKind) Option { return func(o *options) { o.histograms = kind } }

// HistogramKind is a way to keep a distribution.
type HistogramKind uint8

// The kinds. Native histograms are finer and one series each, but a server must
// be told to scrape them, and text exposition lacks them.
const (
	Both    HistogramKind = iota // native, with classic buckets for who cannot read them
	Native                       // factor 1.1 from one bucket to the next
	Classic                      // fixed buckets
)

// Exemplars joins observations of time to traces: labels gives the trace of a
// context, or nothing when it is not sampled. tracing.Exemplar is such a
// function. Labels that Prometheus would refuse are left out.
func Exemplars(labels func(context.Context) map[string]string) Option {
	return func(o *options) { o.exemplar = labels }
}

// WatchCache shows the numbers of a cache, which are asked for at each scrape:
//
//	metrics.WatchCache("rows", func() metrics.CacheStats { return metrics.CacheStats(hits.Stats()) })
//
// Caches of one name and store are added up.
func WatchCache(name string, stats func() CacheStats) Option {
	return func(o *options) { o.caches = append(o.caches, source[CacheStats]{name: name, get: stats}) }
}

// WatchDrift shows by how much a catalog differs from its store. The function
// is called at each scrape and must be quick: it tells what the last check
// found, and does not check.
func WatchDrift(catalog string, drift func() Drift) Option {
	return func(o *options) { o.drifts = append(o.drifts, source[Drift]{name: catalog, get: drift}) }
}

// Clock replaces time.Now for measuring, for tests.
func Clock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

type options struct {
	store      string
	probe      bool
	backend    string
	perFeature bool
	features   int
	histograms HistogramKind
	exemplar   func(context.Context) map[string]string
	caches     []source[CacheStats]
	drifts     []source[Drift]
	retries    []source[RetryStats]
	clock      func() time.Time
}

func newOptions(opts []Option) options {
	o := options{store: "default", clock: time.Now}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	return o
}

// check reports options that no registry would take.
func (o options) check() error {
	names := []string{o.store}
	if o.probe {
		names = append(names, o.backend)
	}
	for _, s := range o.caches {
		names = append(names, s.name)
		if s.get == nil {
			return fmt.Errorf("%w: WatchCache(%q) has no function", core.ErrInvalid, s.name)
		}
	}
	for _, s := range o.drifts {
		names = append(names, s.name)
		if s.get == nil {
			return fmt.Errorf("%w: WatchDrift(%q) has no function", core.ErrInvalid, s.name)
		}
	}
	for _, s := range o.retries {
		if s.get == nil {
			return fmt.Errorf("%w: WatchRetries has no function", core.ErrInvalid)
		}
	}
	for _, n := range names {
		if n == "" || !utf8.ValidString(n) {
			return fmt.Errorf("%w: %q cannot be a label", core.ErrInvalid, n)
		}
	}
	if o.perFeature && o.features < 1 {
		return fmt.Errorf("%w: PerFeature(%d): want at least 1", core.ErrInvalid, o.features)
	}
	if o.histograms > Classic {
		return fmt.Errorf("%w: unknown kind of histograms %d", core.ErrInvalid, o.histograms)
	}
	return nil
}

// prefix begins the names of all metrics.
func (o options) prefix() string {
	if o.probe {
		return "metaxy_backend_"
	}
	return "metaxy_"
}

// labelNames and labels are those that every metric has.
func (o options) labelNames() []string {
	if o.probe {
		return []string{"store", "backend"}
	}
	return []string{"store"}
}

func (o options) labels() []string {
	if o.probe {
		return []string{o.store, o.backend}
	}
	return []string{o.store}
}

func (o options) summary() string {
	var s []string
	if o.store != "default" {
		s = append(s, "store: "+o.store)
	}
	if o.probe {
		s = append(s, "backend: "+o.backend)
	}
	if o.perFeature {
		s = append(s, fmt.Sprintf("per feature: %d", o.features))
	}
	return strings.Join(s, ", ")
}
