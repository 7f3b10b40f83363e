package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Snapshot is what a store's metrics said at one moment. It marshals to JSON
// with names in snake case and durations in seconds.
type Snapshot struct {
	Store      string                  `json:"store"`
	Backend    string                  `json:"backend,omitempty"` // of a Probe
	Taken      time.Time               `json:"taken"`
	Since      time.Time               `json:"since,omitzero"` // after Sub: when the interval began
	Operations map[string]OpStats      `json:"operations"`     // by operation, such as "read"
	Increments Increments              `json:"increments"`     // all resolves together
	Caches     map[string]CacheNumbers `json:"caches,omitempty"`
	Drift      map[string]Drift        `json:"drift,omitempty"`    // by catalog
	Features   map[string]FeatureStats `json:"features,omitempty"` // with PerFeature
}

// OpStats are the numbers of one operation.
type OpStats struct {
	Count      int64            `json:"count"`
	InFlight   int64            `json:"in_flight"`
	Outcomes   map[string]int64 `json:"outcomes"`          // of calls, without those that never happened
	Streams    map[string]int64 `json:"streams,omitempty"` // of loops over rows
	Errors     map[string]int64 `json:"errors"`            // failed calls and loops by class
	Retries    map[string]int64 `json:"retries,omitempty"` // with WatchRetries, by outcome
	Rows       int64            `json:"rows"`
	Bytes      int64            `json:"bytes"`
	Latency    Latency          `json:"latency"`
	Stream     Latency          `json:"stream_latency"`
	FirstBatch Latency          `json:"first_batch"`
}

// Failed is how many calls and loops failed.
func (s OpStats) Failed() int64 {
	var n int64
	for _, e := range s.Errors {
		n += e
	}
	return n
}

// Increments counts samples that resolves found.
type Increments struct {
	New       int64 `json:"new"`
	Stale     int64 `json:"stale"`
	Orphaned  int64 `json:"orphaned"`
	Unchanged int64 `json:"unchanged"`
	Missing   int64 `json:"missing"`
}

// FeatureStats are the numbers of one feature.
type FeatureStats struct {
	Operations map[string]int64 `json:"operations"` // by operation
	Rows       map[string]int64 `json:"rows"`
	Bytes      map[string]int64 `json:"bytes"`
	Last       Increments       `json:"last_increment"` // what the last resolve found
}

// CacheNumbers are the numbers of one cache.
type CacheNumbers struct {
	CacheStats

	HitRatio float64 `json:"hit_ratio"`
}

// Export gives the numbers so far, of all layers with this one's registry and
// store label. Before the layer wraps a store they are zero.
func (m *Metrics) Export(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, fmt.Errorf("%s: %w", Name, err)
	}
	s := Snapshot{
		Store: m.o.store, Backend: m.o.backend, Taken: m.o.clock(),
		Operations: map[string]OpStats{}, Caches: map[string]CacheNumbers{}, Drift: map[string]Drift{}, Features: map[string]FeatureStats{},
	}
	for op := range core.Ops() {
		s.Operations[op.String()] = OpStats{Outcomes: map[string]int64{}, Streams: map[string]int64{}, Errors: map[string]int64{}}
	}
	m.mu.Lock()
	b := m.bound
	m.mu.Unlock()
	if b == nil {
		return s, nil
	}
	families, err := b.own.Gather()
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s: %w", Name, err)
	}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			p := point{Metric: one, name: f.GetName()[len(m.o.prefix()):]}
			if p.label("store") == m.o.store && p.label("backend") == m.o.backend {
				p.into(&s)
			}
		}
	}
	return s, nil
}

// Sub gives what happened between prev and s. Quantiles are those of the
// interval, unless prev came from JSON, which does not hold the distribution:
// then they are zero. What is a state and no count (in flight, the last
// increment, entries, drift) stays as it is in s. A count that went down began
// anew in between.
func (s Snapshot) Sub(prev Snapshot) Snapshot {
	out := s
	out.Since = prev.Taken
	out.Operations = make(map[string]OpStats, len(s.Operations))
	for op, now := range s.Operations {
		out.Operations[op] = now.sub(prev.Operations[op])
	}
	out.Increments = Increments{
		New:       rise(s.Increments.New, prev.Increments.New),
		Stale:     rise(s.Increments.Stale, prev.Increments.Stale),
		Orphaned:  rise(s.Increments.Orphaned, prev.Increments.Orphaned),
		Unchanged: rise(s.Increments.Unchanged, prev.Increments.Unchanged),
		Missing:   rise(s.Increments.Missing, prev.Increments.Missing),
	}
	out.Caches = make(map[string]CacheNumbers, len(s.Caches))
	for name, now := range s.Caches {
		out.Caches[name] = now.sub(prev.Caches[name])
	}
	out.Features = make(map[string]FeatureStats, len(s.Features))
	for key, now := range s.Features {
		was := prev.Features[key]
		now.Operations, now.Rows, now.Bytes = rises(now.Operations, was.Operations), rises(now.Rows, was.Rows), rises(now.Bytes, was.Bytes)
		out.Features[key] = now
	}
	return out
}

func (s OpStats) sub(prev OpStats) OpStats {
	s.Count = rise(s.Count, prev.Count)
	s.Rows, s.Bytes = rise(s.Rows, prev.Rows), rise(s.Bytes, prev.Bytes)
	s.Outcomes, s.Streams, s.Errors = rises(s.Outcomes, prev.Outcomes), rises(s.Streams, prev.Streams), rises(s.Errors, prev.Errors)
	s.Retries = rises(s.Retries, prev.Retries)
	s.Latency, s.Stream, s.FirstBatch = s.Latency.sub(prev.Latency), s.Stream.sub(prev.Stream), s.FirstBatch.sub(prev.FirstBatch)
	return s
}

func (s CacheNumbers) sub(prev CacheNumbers) CacheNumbers {
	s.Hits, s.Derived, s.Missing = rise(s.Hits, prev.Hits), rise(s.Derived, prev.Derived), rise(s.Missing, prev.Missing)
	s.Misses, s.Shared = rise(s.Misses, prev.Misses), rise(s.Shared, prev.Shared)
	s.TooLarge, s.Evictions = rise(s.TooLarge, prev.TooLarge), rise(s.Evictions, prev.Evictions)
	s.HitRatio = s.Ratio()
	return s
}

// rise is how far a counter rose; one that is lower than before began anew.
func rise(now, before int64) int64 {
	if before > now {
		return now
	}
	return now - before
}

func rises(now, before map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(now))
	for k, v := range now {
		if d := rise(v, before[k]); d != 0 {
			out[k] = d
		}
	}
	return out
}
