package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/layers/tracing"
)

// alike is a table and the layer that it stands for.
var alike = []struct {
	name, table string
	layer       func() core.Layer
}{
	{"cache by default", "[stores.dev.cache]\n", func() core.Layer { return cache.New() }},
	{"cache", "[stores.dev.cache]\nmax_bytes = \"1GiB\"\nmax_item = 1048576\nmax_entries = 7\nttl = \"1h\"\nmissing_ttl = \"0s\"\nvalidate = \"3s\"\npolicy = \"lru\"\n", func() core.Layer {
		return cache.New(cache.MaxBytes(1<<30), cache.MaxItem(1<<20), cache.MaxEntries(7), cache.TTL(time.Hour), cache.MissingTTL(0), cache.Validate(3*time.Second), cache.LRU())
	}},
	{"cache above crypto", "[stores.dev.cache]\nabove_crypto = true\n", func() core.Layer { return cache.New(cache.AbovePlaintext()) }},
	{"retry by default", "[stores.dev]\nretry = true\n", func() core.Layer { return retry.New() }},
	{"retry", "[stores.dev.retry]\nattempts = 6\nbackoff_first = \"10ms\"\nbackoff_most = \"1s\"\ntimeout = \"5s\"\nbreaker_failures = 9\nbreaker_pause = \"1m\"\nhedge = \"200ms\"\n", func() core.Layer {
		return retry.New(retry.Attempts(6), retry.Backoff(10*time.Millisecond, time.Second), retry.Timeout(5*time.Second), retry.Breaker(9, time.Minute), retry.Hedge(200*time.Millisecond))
	}},
	{"metrics", "[stores.dev.metrics]\nper_feature = 50\nhistograms = \"native\"\n", func() core.Layer {
		return metrics.New(metrics.NewRegistry(), metrics.Store("dev"), metrics.PerFeature(50), metrics.Histograms(metrics.Native))
	}},
	{"backend_metrics", "[stores.dev]\nbackend_metrics = true\n", func() core.Layer {
		return metrics.New(metrics.NewRegistry(), metrics.Store("dev"), metrics.Probe("memory"))
	}},
	{"tracing", "[stores.dev.tracing]\n", func() core.Layer { return tracing.New(nil, tracing.Store("dev")) }},
	{"backend_tracing", "[stores.dev.backend_tracing]\n", func() core.Layer { return tracing.New(nil, tracing.Store("dev"), tracing.Probe("memory")) }},
	{"catalog", "[stores.dev.catalog]\nurl = \"memory://\"\ntrust = \"every-writer\"\n", func() core.Layer {
		return catalog.New(catalog.NewMemory(), catalog.EveryWriterRegisters())
	}},
	{"logging", "[stores.dev.logging]\nslow = \"1s\"\nhide_error_text = true\n", func() core.Layer {
		return logging.New(zap.NewNop(), logging.SlowThreshold(time.Second), logging.HideErrorText())
	}},
	{"logging sampled", "[stores.dev.logging]\nsample = { interval = \"2s\", first = 5, thereafter = 0 }\n", func() core.Layer {
		return logging.New(zap.NewNop(), logging.Sample(2*time.Second, 5, 0))
	}},
	{"logging sampled by default", "[stores.dev.logging.sample]\n", func() core.Layer {
		return logging.New(zap.NewNop(), logging.Sample(time.Second, 100, 100))
	}},
}

// A layer of the file and one made in code describe themselves identically.
func TestEachLayerAlike(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range alike {
		doc := "[stores.dev]\nbackend = \"memory://\"\n" + strings.TrimPrefix(c.table, "[stores.dev]\n")
		sameDrawings(t, c.name, open(t, doc, "dev"), build(t, memory.New(), "dev", c.layer()))
		for _, k := range config.Kinds() {
			seen[k.Table] = seen[k.Table] || strings.HasPrefix(c.name, k.Table)
		}
	}
	seen["crypto"], seen["rbac"] = true, true // they need files: TestSecurityAlike
	for _, k := range config.Kinds() {
		if !seen[k.Table] {
			t.Errorf("no table of %s is compared with code", k.Table)
		}
	}
}

const everything = `
[stores.dev]
backend  = "memory://"
fallback = ["prod"]
fallback_on_unavailable = true
logging = true
[stores.dev.retry]
breaker_failures = 3
[stores.dev.cache]
max_bytes = "64MiB"
[stores.dev.metrics]
per_feature = 10
[stores.dev.tracing]
[stores.dev.backend_metrics]
[stores.dev.backend_tracing]
[stores.prod]
backend = "memory://"
metrics = true
cache = true
`

// All of them in one stack, with a leg that has layers of its own; the two
// share a registry.
func TestWholeStackAlike(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	prod := build(t, memory.New(), "prod", metrics.New(reg, metrics.Store("prod")), cache.New())
	code := build(
		t, memory.New(), "dev",
		retry.New(retry.Breaker(3, 30*time.Second)), cache.New(cache.MaxBytes(64<<20)),
		fallback.NewWith(fallback.Leg("prod", prod), fallback.OnUnavailable()),
		tracing.New(nil, tracing.Store("dev")), metrics.New(reg, metrics.Store("dev"), metrics.PerFeature(10)), logging.New(nil),
		tracing.New(nil, tracing.Store("dev"), tracing.Probe("memory")), metrics.New(reg, metrics.Store("dev"), metrics.Probe("memory")),
	)
	sameDrawings(t, "everything", open(t, everything, "dev"), code)
	drawn, err := parse(t, everything).Describe("dev")
	if err != nil || drawn.String() != code.String() {
		t.Errorf("%v\n%s", err, drawn)
	}
}

// The choices of a fallback do what their options do.
func TestFallbackAlike(t *testing.T) {
	for key, option := range map[string]fallback.Option{
		"fallback_on_unavailable": fallback.OnUnavailable(), "fallback_overlay": fallback.Overlay(), "fallback_compare_as_read": fallback.CompareAsRead(),
	} {
		doc := "[stores.dev]\nbackend = \"memory://\"\nfallback = \"prod\"\n" + key + " = true\n[stores.prod]\nbackend = \"memory://\"\n"
		prod := build(t, memory.New(), "prod")
		sameDrawings(t, key, open(t, doc, "dev"), build(t, memory.New(), "dev", fallback.NewWith(fallback.Leg("prod", prod), option)))
	}
}

// Every key changes what is built, or is known not to show in a description.
func TestKeysCount(t *testing.T) {
	silent := map[string]string{
		"cache.max_item": "bound on one answer", "cache.max_entries": "bound", "cache.missing_ttl": "not in the summary",
		"logging.level": "of the logger", "logging.format": "of the logger", "logging.output": "of the logger", "logging.hide_error_text": "not in the summary",
		"metrics.histograms": "of the registry", "backend_metrics.histograms": "of the registry", "retry.breaker_pause": "needs breaker_failures",
	}
	sample := map[config.Kind]string{config.Flag: "true", config.Number: "3", config.Duration: `"77ms"`, config.Size: `"3MiB"`, config.Table: "{ first = 3 }"}
	for _, k := range config.Kinds() {
		if k.Table == "crypto" || k.Table == "rbac" || k.Table == "catalog" {
			continue // they need files or a URL: TestCatalogKeysCount, TestCryptoColumnKeys, TestAuditSinks and the others beside them
		}
		plain := open(t, "[stores.a]\nbackend = \"memory://\"\n[stores.a."+k.Table+"]\n", "a").String()
		for _, key := range k.Keys {
			value := sample[key.Kind]
			if len(key.Choices) > 0 {
				value = `"` + key.Choices[len(key.Choices)-1] + `"`
			}
			name := k.Table + "." + key.Name
			if name == "retry.breaker_pause" {
				value += "\nbreaker_failures = 0"
			}
			doc := "[stores.a]\nbackend = \"memory://\"\n[stores.a." + k.Table + "]\n" + key.Name + " = " + value + "\n"
			same := open(t, doc, "a").String() == plain
			if _, known := silent[name]; same != known {
				t.Errorf("%s = %s: drawn alike %v, known to be %v", name, value, same, known)
			}
			delete(silent, name)
		}
	}
	for name := range silent {
		t.Errorf("there is no %s", name)
	}
}

func open(t *testing.T, doc, name string, opts ...config.RegistryOption) *compose.Stack {
	t.Helper()
	s, err := parse(t, doc).Open(t.Context(), config.NewRegistry(opts...), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func build(t *testing.T, base core.Store, name string, layers ...core.Layer) *compose.Stack {
	t.Helper()
	s, err := compose.New(base, compose.Named(name), compose.With(layers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func sameDrawings(t *testing.T, name string, a, b *compose.Stack) {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{a.String(), b.String()}, {a.Mermaid(), b.Mermaid()}, {string(x), string(y)}, {fmt.Sprintf("%+v", a.Describe()), fmt.Sprintf("%+v", b.Describe())}} {
		if pair[0] != pair[1] {
			t.Errorf("%s:\nfile\n%s\ncode\n%s", name, pair[0], pair[1])
		}
	}
}
