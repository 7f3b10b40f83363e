package config

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// Opener opens the store that a URL names, such as
// "duckdb://dev.duckdb?read_only=true". Its errors hold no secret of the URL.
type Opener func(ctx context.Context, url string) (core.Store, error)

// Registry knows how to open backends. Which ones is the program's choice,
// since each brings its dependencies along. It is immutable.
type Registry struct {
	openers map[string]opener

	locks    map[string]LockOpener
	policies map[string]policyOpener
	catalogs map[string]catalogOpener // beside the one in memory

	logger  *zap.Logger
	metrics prometheus.Registerer
	tracer  trace.TracerProvider
}

type opener struct {
	open Opener
	file bool // what follows :// is a path
}

// RegistryOption adds to a Registry.
type RegistryOption func(*Registry)

// NewRegistry makes a registry; "memory://" is in every one.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{
		openers: map[string]opener{"memory": {open: openMemory, file: true}},
		locks:   map[string]LockOpener{}, policies: map[string]policyOpener{},
	}
	for _, set := range opts {
		set(r)
	}
	return r
}

// Backend registers a backend that is reached over the network.
func Backend(scheme string, open Opener) RegistryOption {
	return func(r *Registry) { r.openers[scheme] = opener{open: open} }
}

// FileBackend registers a backend whose URL holds a path: a relative one is
// taken from the folder of the configuration file.
func FileBackend(scheme string, open Opener) RegistryOption {
	return func(r *Registry) { r.openers[scheme] = opener{open: open, file: true} }
}

// Logger makes logging layers write to this logger rather than to one of their
// own.
func Logger(l *zap.Logger) RegistryOption { return func(r *Registry) { r.logger = l } }

// Metrics makes metrics layers register here. Without it the layers of each
// opened stack have a registry of their own, which nobody can scrape. What a
// stack and its cache counted stays in the registry when it is closed.
func Metrics(reg prometheus.Registerer) RegistryOption {
	return func(r *Registry) { r.metrics = reg }
}

// Tracer makes tracing layers take their spans from this provider. Without it
// they make none.
func Tracer(provider trace.TracerProvider) RegistryOption {
	return func(r *Registry) { r.tracer = provider }
}

// With gives a registry with more in it; r stays as it is.
func (r *Registry) With(opts ...RegistryOption) *Registry {
	more := *r
	more.openers, more.locks, more.policies = maps.Clone(r.openers), maps.Clone(r.locks), maps.Clone(r.policies)
	for _, set := range opts {
		set(&more)
	}
	return &more
}

// Schemes lists what can be opened.
func (r *Registry) Schemes() []string { return slices.Sorted(maps.Keys(r.openers)) }

func openMemory(_ context.Context, url string) (core.Store, error) {
	if url != "memory://" {
		return nil, textError(`the backend in memory has no options: write "memory://"`)
	}
	return memory.New(), nil
}

// backends are the imports that programs may have left out.
var backends = map[string]string{
	"duckdb":     "duckdb",
	"delta":      "delta",
	"clickhouse": "clickhouse",
	"postgres":   "sql",
	"postgresql": "sql",
	"mysql":      "sql",
	"sqlite":     "sql",
}

// find gives the opener of a URL, or says which import is missing.
func (r *Registry) find(url string) (opener, error) {
	scheme, _, ok := strings.Cut(url, "://")
	if !ok {
		return opener{}, textError(`the backend is no URL such as "duckdb://dev.duckdb" or "memory://"`)
	}
	o, ok := r.openers[scheme]
	if !ok {
		return opener{}, r.unknown(scheme)
	}
	return o, nil
}

// absolute takes a relative path from dir.
func (o opener) absolute(url, dir string) string {
	if !o.file {
		return url
	}
	return absoluteURL(url, dir)
}

func absoluteURL(url, dir string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	path, query, hasQuery := strings.Cut(rest, "?")
	if path == "" || path == ":memory:" || filepath.IsAbs(path) {
		return url
	}
	url = scheme + "://" + filepath.Join(dir, path)
	if hasQuery {
		url += "?" + query
	}
	return url
}

func (r *Registry) unknown(scheme string) error {
	if pkg, ok := backends[scheme]; ok {
		path := "github.com/metaxy-go/metaxy/backends/" + pkg
		return textError("this program was built without the backend " + scheme + "://: import " + path + " and register it with config.NewRegistry")
	}
	known := append(r.Schemes(), slices.Sorted(maps.Keys(backends))...)
	return textError("unknown backend " + scheme + "://" + tomltree.Suggest(scheme, known) + "; this program has " + strings.Join(r.Schemes(), ", "))
}
