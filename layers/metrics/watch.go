package metrics

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// CacheStats are the numbers of one cache since it was made. It has the fields
// of layers/cache.Stats, so that one converts to the other.
type CacheStats struct {
	Hits      int64 `json:"hits"`      // reads answered from memory, in all three ways
	Derived   int64 `json:"derived"`   // of these, from a wider answer
	Missing   int64 `json:"missing"`   // of these, that a feature is not there
	Misses    int64 `json:"misses"`    // reads that went below
	Shared    int64 `json:"shared"`    // reads answered by another's miss
	TooLarge  int64 `json:"too_large"` // misses that were passed through, not kept
	Evictions int64 `json:"evictions"` // answers dropped to make room
	Entries   int   `json:"entries"`   // answers kept now
	Bytes     int64 `json:"bytes"`     // what they take
}

// Ratio is the share of reads that did not go below, between 0 and 1.
func (s CacheStats) Ratio() float64 {
	all := s.Hits + s.Shared + s.Misses
	if all == 0 {
		return 0
	}
	return float64(s.Hits+s.Shared) / float64(all)
}

// Drift is by how many features a catalog differed from its store when it was
// last checked.
type Drift struct {
	Missing int64 `json:"missing"` // held by the store, not in the catalog
	Extra   int64 `json:"extra"`   // in the catalog, not held by the store
	Counts  int64 `json:"counts"`  // with another number of samples or commits
	Stale   int64 `json:"stale"`   // registered from an older state of the store
}

// source is a function that tells the numbers of something, which has a name
// where there may be several.
type source[T any] struct {
	name string
	get  func() T
}

func (s source[T]) labels() []string {
	if s.name == "" {
		return nil
	}
	return []string{s.name}
}

// watch is a collector over sources, of all layers on one registry.
type watch[T any] struct {
	series []watched[T]

	mu      sync.Mutex
	sources []watchedSource[T]
}

// watched is one series made of a T.
type watched[T any] struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string // beyond those of the source
	of     func(T) int64
}

type watchedSource[T any] struct {
	owner  *Metrics
	labels []string
	get    func() T
}

func (w *watch[T]) add(owner *Metrics, base []string, sources []source[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range sources {
		w.sources = append(w.sources, watchedSource[T]{owner: owner, labels: with(base, s.labels()...), get: s.get})
	}
}

func (w *watch[T]) remove(owner *Metrics) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources = slices.DeleteFunc(w.sources, func(s watchedSource[T]) bool { return s.owner == owner })
}

// Describe is prometheus.Collector's.
func (w *watch[T]) Describe(out chan<- *prometheus.Desc) {
	for _, s := range w.series {
		out <- s.desc
	}
}

// Collect is prometheus.Collector's. Sources with the same labels are added up.
func (w *watch[T]) Collect(out chan<- prometheus.Metric) {
	w.mu.Lock()
	sources := slices.Clone(w.sources)
	w.mu.Unlock()
	sums := map[string][]int64{}
	labels := map[string][]string{}
	for _, s := range sources {
		v, err := ask(s.get)
		if err != nil {
			out <- prometheus.NewInvalidMetric(w.series[0].desc, err)
			continue
		}
		id := strings.Join(s.labels, "\x00")
		if sums[id] == nil {
			sums[id], labels[id] = make([]int64, len(w.series)), s.labels
		}
		for i, x := range w.series {
			sums[id][i] += x.of(v)
		}
	}
	for id, values := range sums {
		for i, x := range w.series {
			m, err := prometheus.NewConstMetric(x.desc, x.kind, float64(values[i]), with(labels[id], x.labels...)...)
			if err != nil {
				m = prometheus.NewInvalidMetric(x.desc, err)
			}
			out <- m
		}
	}
}

// ask keeps a source that panics from ending the process: a registry asks on a
// goroutine of its own. The value of a panic is not told: it may hold a row.
func ask[T any](get func() T) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a watched function panicked with a %T", p)
		}
	}()
	return get(), nil
}

func newCacheWatch(o options) *watch[CacheStats] {
	w := &watch[CacheStats]{}
	one := func(name, help string, kind prometheus.ValueType, of func(CacheStats) int64) {
		desc := prometheus.NewDesc(o.prefix()+"cache_"+name, help, append(o.labelNames(), "cache"), nil)
		w.series = append(w.series, watched[CacheStats]{desc: desc, kind: kind, of: of})
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	one("hits_total", "Reads answered from memory.", counter, func(s CacheStats) int64 { return s.Hits })
	one("derived_hits_total", "Hits answered from a wider entry.", counter, func(s CacheStats) int64 { return s.Derived })
	one("negative_hits_total", "Hits that say that a feature is not there.", counter, func(s CacheStats) int64 { return s.Missing })
	one("misses_total", "Reads that went to the store below.", counter, func(s CacheStats) int64 { return s.Misses })
	one("shared_misses_total", "Reads answered by the miss of another.", counter, func(s CacheStats) int64 { return s.Shared })
	one("too_large_total", "Misses that were passed through because they are too large to keep.", counter, func(s CacheStats) int64 { return s.TooLarge })
	one("evictions_total", "Entries dropped.", counter, func(s CacheStats) int64 { return s.Evictions })
	one("entries", "Entries kept now.", gauge, func(s CacheStats) int64 { return int64(s.Entries) })
	one("size_bytes", "Memory that the entries take.", gauge, func(s CacheStats) int64 { return s.Bytes })
	return w
}

func newDriftWatch(o options) *watch[Drift] {
	desc := prometheus.NewDesc(o.prefix()+"catalog_drift_features", "Features by which a catalog differed from its store when last checked, by kind.",
		append(o.labelNames(), "catalog", "kind"), nil)
	one := func(kind string, of func(Drift) int64) watched[Drift] {
		return watched[Drift]{desc: desc, kind: prometheus.GaugeValue, labels: []string{kind}, of: of}
	}
	return &watch[Drift]{series: []watched[Drift]{
		one("missing", func(d Drift) int64 { return d.Missing }),
		one("extra", func(d Drift) int64 { return d.Extra }),
		one("counts", func(d Drift) int64 { return d.Counts }),
		one("stale", func(d Drift) int64 { return d.Stale }),
	}}
}
