package config

import (
	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/layers/tracing"
)

// watched is the label of a store's cache in its metrics.
const watched = "rows"

func cacheKind() LayerKind {
	return LayerKind{
		Table: "cache",
		Doc:   "keeps what was read in memory",
		Keys: []Key{
			{Name: "max_bytes", Kind: Size, Positive: true, Default: "256MiB", Doc: "bound on the memory of what is kept"},
			{Name: "max_item", Kind: Size, Doc: "bound on one answer; a larger one passes through and is not kept (0: a quarter of `max_bytes`)"},
			{Name: "max_entries", Kind: Number, Doc: "bound on the number of answers (0: none)"},
			{Name: "ttl", Kind: Duration, Positive: true, Doc: "drop an answer some time after it was read, whatever became of the feature"},
			{Name: "missing_ttl", Kind: Duration, Default: cache.DefaultMissingTTL.String(), Doc: "how long a missing feature is believed to be missing (`0s`: not at all)"},
			{Name: "validate", Kind: Duration, Doc: "how long a feature is believed not to have changed (`0s`: ask at each read)"},
			{Name: "policy", Default: "w-tinylfu", Choices: []string{"w-tinylfu", "lru"}, Doc: "what goes first: by the loading time that an answer saves for each byte, or by last use alone"},
			{Name: "above_crypto", Kind: Flag, Doc: "keep plaintext, above an encrypting layer; the stack must accept it by name"},
		},
		Make: func(v Values, env Env) (core.Layer, error) {
			opts := []cache.Option{
				cache.MaxBytes(v.Number("max_bytes")), cache.MaxItem(v.Number("max_item")), cache.MaxEntries(int(v.Number("max_entries"))),
				cache.MissingTTL(v.Duration("missing_ttl")), cache.Validate(v.Duration("validate")),
			}
			if v.Written("ttl") {
				opts = append(opts, cache.TTL(v.Duration("ttl")))
			}
			if v.Text("policy") == "lru" {
				opts = append(opts, cache.LRU())
			}
			if v.Flag("above_crypto") {
				opts = append(opts, cache.AbovePlaintext())
			}
			layer := cache.New(opts...)
			env.Watch(watched, func() metrics.CacheStats { return metrics.CacheStats(layer.Stats()) })
			return checked(layer)
		},
	}
}

func retryKind() LayerKind {
	return LayerKind{
		Table: "retry",
		Doc:   "tries again what failed because storage could not be reached",
		Keys: []Key{
			{Name: "attempts", Kind: Number, Positive: true, Default: "4", Doc: "how often an operation is tried in all"},
			{Name: "backoff_first", Kind: Duration, Positive: true, Default: retry.DefaultFirst.String(), Doc: "pause before the second attempt, doubled before each further one"},
			{Name: "backoff_most", Kind: Duration, Positive: true, Default: retry.DefaultMost.String(), Doc: "longest pause"},
			{Name: "timeout", Kind: Duration, Doc: "bound on each attempt; of a read, on the time to its first batch (`0s`: none)"},
			{Name: "breaker_failures", Kind: Number, Doc: "failed attempts in a row after which the store is left alone for a while (0: never)"},
			{Name: "breaker_pause", Kind: Duration, Positive: true, Default: "30s", Doc: "how long it is left alone then"},
			{Name: "hedge", Kind: Duration, Doc: "read a second time when the first batch has not come after this, and take the faster (`0s`: never)"},
		},
		Make: func(v Values, env Env) (core.Layer, error) {
			opts := []retry.Option{
				retry.Attempts(int(v.Number("attempts"))), retry.Backoff(v.Duration("backoff_first"), v.Duration("backoff_most")),
				retry.Timeout(v.Duration("timeout")), retry.Hedge(v.Duration("hedge")),
			}
			switch n := v.Number("breaker_failures"); {
			case n > 0:
				opts = append(opts, retry.Breaker(int(n), v.Duration("breaker_pause")))
			case v.Written("breaker_pause") && !v.Written("breaker_failures"):
				return nil, textError("breaker_pause without breaker_failures")
			}
			layer := retry.New(opts...)
			env.WatchRetries(func() metrics.RetryStats { return metrics.RetryStats(layer.Stats()) })
			return checked(layer)
		},
	}
}

// checked lets a layer judge its options now, so that what it says gets the
// place of its table.
func checked(l core.Layer) (core.Layer, error) {
	if _, err := l.Wrap(memory.New()); err != nil {
		return nil, err
	}
	return l, nil
}

func metricsKind() LayerKind {
	return LayerKind{
		Table: "metrics", late: true,
		Doc:  "counts and times operations for Prometheus, and watches the store's cache, its retries and the drift of its catalog",
		Keys: metricsKeys(),
		Make: func(v Values, env Env) (core.Layer, error) {
			opts := metricsOptions(v, env)
			for _, c := range *env.caches {
				opts = append(opts, metrics.WatchCache(c.name, c.stats))
			}
			for _, stats := range *env.tries {
				opts = append(opts, metrics.WatchRetries(stats))
			}
			if env.own != nil && env.own.catalog != nil {
				keeper := env.own.catalog
				opts = append(opts, metrics.WatchDrift("catalog", func() metrics.Drift { return metrics.Drift(keeper.Drift()) }))
			}
			layer := metrics.New(env.Metrics, opts...)
			*env.undo = append(*env.undo, layer.Unwatch)
			return layer, nil
		},
	}
}

func backendMetricsKind() LayerKind {
	return LayerKind{
		Table: "backend_metrics",
		Doc:   "the same below all other layers: what the backend is asked, under names of its own",
		Keys:  metricsKeys(),
		Make: func(v Values, env Env) (core.Layer, error) {
			return metrics.New(env.Metrics, append(metricsOptions(v, env), metrics.Probe(env.Backend))...), nil
		},
	}
}

func metricsKeys() []Key {
	return []Key{
		{Name: "per_feature", Kind: Number, Doc: "how many features get a label of their own; the rest is counted together (0: none)"},
		{Name: "histograms", Default: "both", Choices: []string{"both", "native", "classic"}, Doc: "how times are kept; stores on one registry agree on it"},
	}
}

func metricsOptions(v Values, env Env) []metrics.Option {
	kinds := map[string]metrics.HistogramKind{"native": metrics.Native, "classic": metrics.Classic}
	opts := []metrics.Option{metrics.Store(env.Store), metrics.Histograms(kinds[v.Text("histograms")])}
	if n := v.Number("per_feature"); n > 0 {
		opts = append(opts, metrics.PerFeature(int(n)))
	}
	if env.Traced {
		opts = append(opts, metrics.Exemplars(tracing.Exemplar))
	}
	return opts
}

func tracingKind() LayerKind {
	return LayerKind{
		Table: "tracing",
		Doc:   "an OpenTelemetry span for each operation and stream, where the program gives a provider",
		Make: func(_ Values, env Env) (core.Layer, error) {
			return tracing.New(env.Tracer, tracing.Store(env.Store)), nil
		},
	}
}

func backendTracingKind() LayerKind {
	return LayerKind{
		Table: "backend_tracing",
		Doc:   "the same below all other layers: spans of what the backend is asked",
		Make: func(_ Values, env Env) (core.Layer, error) {
			return tracing.New(env.Tracer, tracing.Store(env.Store), tracing.Probe(env.Backend)), nil
		},
	}
}
