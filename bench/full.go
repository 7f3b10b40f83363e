package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/layers/tracing"
)

// fullStack is every layer that a production stack carries, over base.
func fullStack(base, leg core.Store) (core.Store, error) {
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zapcore.InfoLevel))
	return compose.New(base, compose.KeepBaseOpen(), compose.With(
		logging.New(logger), metrics.New(prometheus.NewRegistry()), tracing.New(noop.NewTracerProvider()),
		fallback.New(leg), cache.New(cache.MaxBytes(1<<30)), retry.New(),
	))
}

// fullTable tells what the whole stack costs over memory.
func (b *bench) fullTable(ctx context.Context) (out *section, err error) {
	s, err := newStacks(ctx, stackRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	leg := memory.New()
	full, err := fullStack(s.bare, leg)
	if err != nil {
		return nil, errors.Join(err, leg.Close())
	}
	defer func() { err = errors.Join(err, full.Close(), leg.Close()) }()
	of := func(store core.Store, times int, f func(core.Store) error) func() error {
		return func() error {
			for range times {
				if err := f(store); err != nil {
					return err
				}
			}
			return nil
		}
	}
	read := func(store core.Store) error { return s.read(ctx, store, stackRows) }
	call := func(store core.Store) error { return s.call(ctx, store) }
	rounds := max(b.rounds*3, 9)
	reads, err := race(rounds, []contender{{name: "bare", run: of(s.bare, stackReads, read)}, {name: "full", run: of(full, stackReads, read)}})
	if err != nil {
		return nil, err
	}
	calls, err := race(rounds, []contender{{name: "bare", run: of(s.bare, stackCalls, call)}, {name: "full", run: of(full, stackCalls, call)}})
	if err != nil {
		return nil, err
	}
	out = &section{
		name: "full", title: "Logging, metrics, tracing, fallback, cache and retry over memory against bare memory",
		head: []string{"store", "read of " + count(stackRows) + " rows", "ratio", "one call (Stat)", "more than bare"},
	}
	for i, name := range []string{"bare", "full stack"} {
		r, c := median(reads[i])/stackReads, median(calls[i])/stackCalls
		out.add(name, ms(r), fmt.Sprintf("%.3f", ratio(reads[i], reads[0])), micro(c), micro(c-median(calls[0])/stackCalls))
	}
	out.note("Tracing has a provider that records nothing; the log's level is info. Wanted: a ratio of at most 1.02, at most 10 µs more a call.")
	return out, nil
}
