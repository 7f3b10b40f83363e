package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
)

// RetryStats are, by operation, the numbers of a retry layer since it was made.
// It has the fields of layers/retry.Stats, so that one converts to the other.
type RetryStats struct {
	Repeated  map[core.Op]int64 // attempts that failed and were repeated
	Recovered map[core.Op]int64 // operations that succeeded after that
	GaveUp    map[core.Op]int64 // operations that failed after that
	Refused   map[core.Op]int64 // operations that were not tried because the circuit is open
}

// WatchRetries shows the numbers of a retry layer, which are asked for at each
// scrape:
//
//	metrics.WatchRetries(func() metrics.RetryStats { return metrics.RetryStats(tries.Stats()) })
//
// Layers of one store are added up.
func WatchRetries(stats func() RetryStats) Option {
	return func(o *options) { o.retries = append(o.retries, source[RetryStats]{get: stats}) }
}

func newRetryWatch(o options) *watch[RetryStats] {
	desc := prometheus.NewDesc(o.prefix()+"retries_total",
		"What the retry layer did: attempts repeated; operations that recovered, gave up, or were refused by an open circuit.",
		append(o.labelNames(), "op", "outcome"), nil)
	w := &watch[RetryStats]{}
	for op := range core.Ops() {
		one := func(outcome string, of func(RetryStats) map[core.Op]int64) {
			w.series = append(w.series, watched[RetryStats]{
				desc: desc, kind: prometheus.CounterValue, labels: []string{op.String(), outcome},
				of: func(s RetryStats) int64 { return of(s)[op] },
			})
		}
		one("repeated", func(s RetryStats) map[core.Op]int64 { return s.Repeated })
		one("recovered", func(s RetryStats) map[core.Op]int64 { return s.Recovered })
		one("gave_up", func(s RetryStats) map[core.Op]int64 { return s.GaveUp })
		one("refused", func(s RetryStats) map[core.Op]int64 { return s.Refused })
	}
	return w
}
