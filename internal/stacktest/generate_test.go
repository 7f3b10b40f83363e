package stacktest

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/layers/tracing"
	"github.com/metaxy-go/metaxy/storetest"
)

// generator draws the layers of one stack.
type generator struct {
	t      *testing.T
	rng    *rand.Rand
	mem    arrowmem.Allocator
	made   []core.Store
	ring   *keys.Ring
	others bool // a leg holds features that no call is about
}

func names() []string {
	return []string{"logging", "metrics", "tracing", "fallback", "cache", "retry", "rbac", "crypto", "tap", "fault"}
}

// layers draws a random subset. Each may be there once in a phase.
func (g *generator) layers() []core.Layer {
	var out []core.Layer
	maybe := func(l func() core.Layer) {
		if g.coin() {
			out = append(out, l())
		}
	}
	maybe(g.logging)
	maybe(func() core.Layer { return metrics.New(metrics.NewRegistry(), pick(g, nil, metrics.PerFeature(3))) })
	maybe(func() core.Layer { return tracing.New(noop.NewTracerProvider()) })
	maybe(g.rbac)
	maybe(g.fallback)
	maybe(g.crypto)
	maybe(func() core.Layer { return cache.New(g.cache()...) })
	if g.rng.IntN(4) == 0 { // above the place of crypto as well
		out = append(out, cache.New(append(g.cache(), cache.AbovePlaintext())...))
	}
	maybe(g.retry)
	for _, p := range []core.Phase{core.PhaseObserve, core.PhaseFallback, core.PhaseCatalog, core.PhaseEvolve, core.PhaseCache, core.PhaseResilience, core.PhaseProbe} {
		// A second layer of the fallback phase would be a second fallback.
		if p != core.PhaseFallback && g.rng.IntN(8) == 0 {
			out = append(out, storetest.Tap(storetest.TapAt(p), storetest.TapRows()))
		}
		if p != core.PhaseFallback && g.rng.IntN(8) == 0 {
			out = append(out, storetest.Fault().At(p))
		}
	}
	return out
}

func (g *generator) coin() bool { return g.rng.IntN(2) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.rng.IntN(len(from))] }

func (g *generator) logging() core.Layer {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	level := pick(g, zap.DebugLevel, zap.InfoLevel, zap.ErrorLevel)
	logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), level))
	return logging.New(logger, pick(g, nil, logging.SlowThreshold(time.Nanosecond), logging.Sample(time.Second, 1, 2)))
}

func (g *generator) cache() []cache.Option {
	return []cache.Option{
		cache.MaxBytes(pick[int64](g, 4<<10, 64<<10, 1<<20)), pick(g, cache.LRU(), cache.MaxEntries(2), cache.MissingTTL(0)),
		// The calls are those of one process, whose own writes are seen at once.
		cache.Validate(pick(g, 0, time.Hour)),
	}
}

func (g *generator) retry() core.Layer {
	return retry.New(pick(g, nil, retry.Hedge(time.Nanosecond), retry.Breaker(3, time.Second), retry.Timeout(time.Minute)))
}

// fallback has legs that are empty, or hold features of their own.
func (g *generator) fallback() core.Layer {
	var opts []fallback.Option
	for _, name := range []string{"staging", "prod", "archive"}[:g.rng.IntN(4)] {
		leg := g.memory()
		if g.coin() {
			g.others = true
			g.other(leg)
		}
		opts = append(opts, fallback.Leg(name, leg))
	}
	if g.coin() {
		opts = append(opts, fallback.Overlay())
	}
	return fallback.NewWith(append(opts, pick(g, nil, fallback.OnUnavailable(), fallback.CompareAsRead()))...)
}

// other writes a feature that the calls do not name.
func (g *generator) other(s core.Store) {
	plan, err := storetest.Graph().Plan(storetest.KeyLabel)
	if err != nil {
		g.t.Error(err)
		return
	}
	batch := storetest.Batch(g.mem, arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(plan.ContainerNames())},
	}, nil), []any{"s000", []any{"v"}})
	defer batch.Release()
	if _, err := s.Write(g.t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)}); err != nil {
		g.t.Error(err)
	}
}
