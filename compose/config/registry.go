package config

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

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
	logger  *zap.Logger
}

type opener struct {
	open Opener
	file bool // what follows :// is a path
}

// RegistryOption adds to a Registry.
type RegistryOption func(*Registry)

// NewRegistry makes a registry; "memory://" is in every one.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{openers: map[string]opener{"memory": {open: openMemory}}}
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

// Schemes lists what can be opened.
func (r *Registry) Schemes() []string { return slices.Sorted(maps.Keys(r.openers)) }

func openMemory(_ context.Context, url string) (core.Store, error) {
	if url != "memory://" {
		return nil, invalidText(`the backend in memory has no options: write "memory://"`)
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

// open opens a URL; relative paths are relative to dir.
func (r *Registry) open(ctx context.Context, url, dir string) (core.Store, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return nil, invalidText(`the backend is no URL such as "duckdb://dev.duckdb" or "memory://"`)
	}
	o, ok := r.openers[scheme]
	if !ok {
		return nil, r.unknown(scheme)
	}
	if o.file {
		path, query, hasQuery := strings.Cut(rest, "?")
		if path != "" && path != ":memory:" && !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		url = scheme + "://" + path
		if hasQuery {
			url += "?" + query
		}
	}
	return o.open(ctx, url)
}

func (r *Registry) unknown(scheme string) error {
	if pkg, ok := backends[scheme]; ok {
		path := "github.com/metaxy-go/metaxy/backends/" + pkg
		return invalidText("this program was built without the backend " + scheme + "://: import " + path + " and register it with config.NewRegistry")
	}
	known := append(r.Schemes(), slices.Sorted(maps.Keys(backends))...)
	return invalidText("unknown backend " + scheme + "://" + tomltree.Suggest(scheme, known) + "; this program has " + strings.Join(r.Schemes(), ", "))
}
