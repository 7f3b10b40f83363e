package tracing_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/tracing"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	provider, _ := recorder()
	storetest.RunLayer(t, storetest.LayerConfig{Layer: func(testing.TB) core.Layer { return tracing.New(provider) }})
}

// Every span that there is, with a probe below.
func TestSpans(t *testing.T) {
	provider, spans := recorder()
	s := wrap(t, newFake(t), tracing.New(provider, tracing.Probe("duckdb")), tracing.New(provider, tracing.Store("dev")))
	tour(t, s)
	got := draw(spans.Ended())
	storetest.Golden(t, "testdata/spans.txt", got)
	if strings.Contains(got, secret) {
		t.Error("a value, a literal, a key that is none or an error's text is in a span")
	}
	if started, ended := len(spans.Started()), len(spans.Ended()); started != ended {
		t.Errorf("%d spans began, %d ended", started, ended)
	}
}

// The store below is called within the span of its operation.
func TestContextGoesBelow(t *testing.T) {
	provider, spans := recorder()
	f := newFake(t)
	tour(t, wrap(t, f, tracing.New(provider)))
	known := map[trace.SpanID]bool{}
	for _, s := range spans.Ended() {
		known[s.SpanContext().SpanID()] = true
	}
	if len(f.in) == 0 {
		t.Fatal("nothing was called")
	}
	for _, id := range f.in {
		if !known[id] {
			t.Errorf("called in span %s, which is none of the layer's", id)
		}
	}
}

// A caller's span is the parent, and call and loop are one trace without one.
func TestParents(t *testing.T) {
	provider, spans := recorder()
	s := wrap(t, newFake(t), tracing.New(provider))
	ctx, outer := provider.Tracer("test").Start(t.Context(), "caller")
	rows, err := s.Read(ctx, core.ReadRequest{Key: "a"})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = rows.Count()
	outer.End()
	got := spans.Ended()
	if len(got) != 3 || got[0].Parent().SpanID() != outer.SpanContext().SpanID() || got[1].Parent().SpanID() != got[0].SpanContext().SpanID() {
		t.Errorf("%v", draw(got))
	}
}

// A span that is not sampled costs no attributes, and none are set after its end.
func TestUnsampled(t *testing.T) {
	provider := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))
	tour(t, wrap(t, newFake(t), tracing.New(provider)))
}

// What a sampler sees is enough to decide by operation and system.
func TestSamplerSees(t *testing.T) {
	var seen sampler
	tour(t, wrap(t, newFake(t), tracing.New(sdk.NewTracerProvider(sdk.WithSampler(&seen)), tracing.Store("dev"))))
	for _, p := range seen.seen {
		set := attribute.NewSet(p.Attributes...)
		if op, ok := set.Value("db.operation.name"); !ok || op.AsString() != p.Name {
			t.Errorf("%s: %v", p.Name, p.Attributes)
		}
	}
	if len(seen.seen) == 0 {
		t.Error("the sampler was not asked")
	}
}

type sampler struct {
	mu   sync.Mutex
	seen []sdk.SamplingParameters
}

func (s *sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, p)
	return sdk.SamplingResult{Decision: sdk.Drop}
}

func (*sampler) Description() string { return "sees" }

func TestRefusals(t *testing.T) {
	if _, err := tracing.New(nil).Wrap(nil); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	tour(t, wrap(t, newFake(t), tracing.New(nil, nil)))
}

func TestInfo(t *testing.T) {
	info := tracing.New(nil, tracing.Probe("duckdb"), tracing.Store("dev")).Info()
	if info.Phase != core.PhaseProbe || info.Summary != "store: dev, backend: duckdb" {
		t.Errorf("%+v", info)
	}
	if info := tracing.New(nil).Info(); info.Phase != core.PhaseObserve || info.Name != tracing.Name {
		t.Errorf("%+v", info)
	}
}

// Times of the metrics layer carry the trace of the operation.
func TestExemplars(t *testing.T) {
	provider, spans := recorder()
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, metrics.Exemplars(tracing.Exemplar))
	inner, err := m.Wrap(newFake(t))
	if err != nil {
		t.Fatal(err)
	}
	s := wrap(t, inner, tracing.New(provider))
	_, _ = s.Stat(t.Context(), core.StatRequest{Key: "a"})
	var out strings.Builder
	if err := m.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if id := spans.Ended()[0].SpanContext().TraceID().String(); !strings.Contains(out.String(), `trace_id="`+id+`"`) {
		t.Errorf("no exemplar of trace %s in\n%s", id, out.String())
	}
}

func TestExemplar(t *testing.T) {
	if got := tracing.Exemplar(t.Context()); got != nil {
		t.Errorf("%v without a span", got)
	}
	dropped, span := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())).Tracer("").Start(t.Context(), "x")
	if got := tracing.Exemplar(dropped); got != nil {
		t.Errorf("%v of a span that is not sampled", got)
	}
	span.End()
}

func TestConcurrentUse(t *testing.T) {
	provider, spans := recorder()
	l := tracing.New(provider)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { tour(t, wrap(t, newFake(t), l)) })
	}
	wg.Wait()
	if started, ended := len(spans.Started()), len(spans.Ended()); started != ended || started == 0 {
		t.Errorf("%d spans began, %d ended", started, ended)
	}
}

// What the layer costs where nobody traces, where nothing is sampled, and where
// everything is.
func BenchmarkStat(b *testing.B) {
	for _, c := range []struct {
		name     string
		provider trace.TracerProvider
	}{
		{"noop", noop.NewTracerProvider()},
		{"never", sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))},
		{"always", sdk.NewTracerProvider()},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := wrap(b, quiet{newFake(b)}, tracing.New(c.provider))
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"})
			}
		})
	}
}

// quiet does nothing, so that the layer alone is measured.
type quiet struct{ *fake }

func (quiet) Stat(context.Context, core.StatRequest) (core.Info, error) { return core.Info{}, nil }

func wrap(t testing.TB, next core.Store, layers ...*tracing.Tracing) core.Store {
	t.Helper()
	for _, l := range layers {
		s, err := l.Wrap(next)
		if err != nil {
			t.Fatal(err)
		}
		next = s
	}
	return next
}

// A filter that the store refuses may hold a value where a column should be.
func TestRefusedFilter(t *testing.T) {
	provider, spans := recorder()
	s := wrap(t, memory.New(), tracing.New(provider))
	storetest.Fill(t, s)
	if _, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo, Filter: expr.Col(secret + "@example.com").Eq("x")}); !errors.Is(err, core.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	got := draw(spans.Ended())
	if strings.Contains(got, secret) || !strings.Contains(got, "Error: invalid") {
		t.Error(got)
	}
}
