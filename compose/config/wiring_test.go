package config_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
)

// What the program gives is what the layers use: the registry sees operations,
// backend and cache of every store, the provider spans.
func TestMetricsAndSpansOfTheProgram(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	doc := strings.Replace(everything, "[stores.dev.metrics]", "[stores.dev.metrics]\nhistograms = \"classic\"", 1)
	doc = strings.Replace(doc, "metrics = true", "metrics = {histograms = \"classic\"}", 1)
	s := open(t, doc, "dev", config.Metrics(reg), config.Tracer(provider))
	if _, err := s.Read(t.Context(), core.ReadRequest{Key: "video/raw"}); err == nil {
		t.Fatal("an empty store was read")
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	exemplars := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				got[f.GetName()+" "+l.GetName()+"="+l.GetValue()] = true
			}
			for _, b := range m.GetHistogram().GetBucket() {
				if b.GetExemplar() != nil {
					exemplars++
				}
			}
		}
	}
	for _, want := range []string{
		"metaxy_operations_total store=dev", "metaxy_operations_total store=prod", "metaxy_backend_operations_total backend=memory",
		"metaxy_cache_misses_total cache=rows", "metaxy_cache_misses_total store=dev", "metaxy_cache_misses_total store=prod",
		"metaxy_retries_total store=dev", "metaxy_retries_total outcome=gave_up",
	} {
		if !got[want] {
			t.Errorf("no series %s", want)
		}
	}
	if exemplars == 0 {
		t.Error("a traced store's times have no exemplar")
	}
	if n := len(spans.GetSpans()); n < 2 {
		t.Errorf("%d spans", n)
	}
}

// Two stacks on one registry, one after the other and at once.
func TestOneRegistryManyStacks(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	for range 3 {
		s := open(t, everything, "dev", config.Metrics(reg))
		if _, err := s.Stat(t.Context(), core.StatRequest{Key: "a"}); err == nil {
			t.Fatal("an empty store has a feature")
		}
	}
	if _, err := testutil.GatherAndCount(reg); err != nil {
		t.Error(err)
	}
}

// A stack that cannot be opened leaves no cache behind to be watched: a program
// may try again and again.
func TestFailedOpenWatchesNothing(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	c := parse(t, "[stores.dev]\nbackend = \"x://\"\nfallback = \"prod\"\n[stores.prod]\nbackend = \"memory://\"\nmetrics = true\ncache = true\nretry = true\n")
	down := config.Backend("x", func(context.Context, string) (core.Store, error) { return nil, core.ErrUnavailable })
	if _, err := c.Open(t.Context(), config.NewRegistry(config.Metrics(reg), down), "dev"); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "metaxy_cache_") || strings.HasPrefix(f.GetName(), "metaxy_retries_") {
			t.Error(f.GetName(), "is still watched")
		}
	}
}

// A drawing registers nothing and needs no registry.
func TestDescribeRegistersNothing(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	_ = config.NewRegistry(config.Metrics(reg))
	if _, err := parse(t, everything).Describe("dev"); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestRegistryWith(t *testing.T) {
	a := config.NewRegistry()
	b := a.With(config.Backend("x", nil))
	if len(a.Schemes()) != 1 || len(b.Schemes()) != 2 {
		t.Error(a.Schemes(), b.Schemes())
	}
}
