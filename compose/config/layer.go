package config

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/metrics"
)

// LayerKind is a layer that a table of a store configures: [stores.dev.NAME].
// A new layer is one more value: its keys are data, so that checking, messages
// and documentation come by themselves.
type LayerKind struct {
	Table string // the table's name, such as "logging"
	Doc   string // one line for people: what the layer does
	Keys  []Key
	Make  func(v Values, env Env) (core.Layer, error)

	// late kinds are made after the others of their store, which tell them
	// something through Env.
	late bool
	// open stands in place of Make where something is opened.
	open func(ctx context.Context, v Values, env Env) (core.Layer, error)
}

// Key is a key of a table.
type Key struct {
	Name     string
	Kind     Kind
	Default  string   // as it would be written in the file; "" is the kind's zero value
	Choices  []string // what a Text may be; none means anything
	Positive bool     // a Number, Duration or Size that must be more than zero
	Required bool
	Doc      string // one line for people

	Keys  []Key  // of a Table, and of each of Tables
	Short string // of Tables: the key that a text stands for
}

// Kind is the type of a key's value.
type Kind uint8

// The kinds.
const (
	Text      Kind = iota // a string
	Flag                  // true or false
	Number                // an integer, not negative
	Duration              // a string such as "1m30s", not negative
	Size                  // an integer of bytes, or a string such as "256MiB"
	TextList              // a list of strings
	SecretRef             // where a secret is: "env:NAME" or "file:path"
	Table                 // a table of its own
	Tables                // a list of tables
	Path                  // of a file or folder that may be made
	File                  // of a file that must be there
	Source                // a URL, or a File
	URL                   // a URL without secrets
)

var kindNames = []string{
	Text: "text", Flag: "flag", Number: "number", Duration: "duration", Size: "size", TextList: "list of texts",
	SecretRef: "secret", Table: "table", Tables: "list of tables", Path: "path", File: "file", Source: "file or URL", URL: "URL",
}

// place reports whether a relative path is taken from the file's folder.
func (k Kind) place() bool { return k == Path || k == File || k == Source }

// String gives a word for people.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// Env is what a layer may need beside its table.
type Env struct {
	Store   string // the name of the store
	Backend string // the scheme of its backend, such as "duckdb"
	Dir     string // of the file, for relative paths
	Logger  *zap.Logger
	Metrics prometheus.Registerer
	Tracer  trace.TracerProvider // nil without one

	// Traced says that the store has a tracing layer.
	Traced bool
	// Drawing says that the stack is only described: secrets cannot be read and
	// nothing may be opened.
	Drawing bool

	caches *[]namedCache
	tries  *[]func() metrics.RetryStats
	undo   *[]func() // of what the layers did, when the stack is not opened after all
	own    *assembly
}

type namedCache struct {
	name  string
	stats func() metrics.CacheStats
}

// Watch shows the metrics layer of the same store, if there is one, the numbers
// of a cache.
func (e Env) Watch(name string, stats func() metrics.CacheStats) {
	if e.caches != nil {
		*e.caches = append(*e.caches, namedCache{name, stats})
	}
}

// WatchRetries shows the same layer the numbers of a layer that tries again.
func (e Env) WatchRetries(stats func() metrics.RetryStats) {
	if e.tries != nil {
		*e.tries = append(*e.tries, stats)
	}
}

// choose puts a program's own kinds among those of this module; one with a name
// that is taken stands in its place.
func choose(kinds, own []LayerKind) []LayerKind {
	for _, k := range own {
		if i := slices.IndexFunc(kinds, func(x LayerKind) bool { return x.Table == k.Table }); i >= 0 {
			kinds[i] = k
			continue
		}
		kinds = append(kinds, k)
	}
	return kinds
}
