// Package tracing is a layer that makes a span of every operation with
// OpenTelemetry.
//
//	store, err := compose.New(db, compose.With(
//		tracing.New(provider),
//		metrics.New(registry, metrics.Exemplars(tracing.Exemplar))))
//
// A call is a span, and each range over its rows is one more below it, which
// ends when the loop does; rows that are never ranged over make none. What lies
// below gets the span's context, so a second layer at [Probe] shows what the
// layers between add. Written first, the layer encloses the others of its
// phase.
//
// Spans are named as "read video/raw" and carry the attributes of the semantic
// conventions for databases. They hold names and counts, never a row's value, a
// filter's literal or an error's text. A feature that is not there, a caller
// who stopped and a loop left early are outcomes, not errors.
package tracing

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// Name is the layer's name in descriptions and errors.
const Name = "tracing"

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/metaxy-go/metaxy/layers/tracing"

// Tracing is the layer. It may wrap several stores.
type Tracing struct {
	o        options
	observer *observer
}

var _ core.Layer = (*Tracing)(nil)

// New makes a layer whose spans come from provider; nil makes none.
func New(provider trace.TracerProvider, opts ...Option) *Tracing {
	if provider == nil {
		provider = noop.NewTracerProvider()
	}
	o := options{}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	return &Tracing{o: o, observer: newObserver(provider, o)}
}

// Info is core.Layer's.
func (l *Tracing) Info() core.LayerInfo {
	info := core.LayerInfo{Name: Name, Phase: core.PhaseObserve}
	if l.o.store != "" {
		info.Summary = "store: " + l.o.store
	}
	if l.o.probe != "" {
		info.Phase = core.PhaseProbe
		if info.Summary != "" {
			info.Summary += ", "
		}
		info.Summary += "backend: " + l.o.probe
	}
	return info
}

// Wrap is core.Layer's.
func (l *Tracing) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%s: %w: there is no store to wrap", Name, core.ErrInvalid)
	}
	return around.Wrap(next, l.observer, around.Options{Name: Name, Clock: epoch, Nest: true}), nil
}

// epoch is the seam's clock: spans have their own.
func epoch() time.Time { return time.Time{} }

// Option sets a choice of New. Options commute.
type Option func(*options)

type options struct {
	store string
	probe string
}

// Store names the store: the attribute db.namespace.
func Store(name string) Option { return func(o *options) { o.store = name } }

// Probe traces one backend instead of the whole stack: the layer goes below all
// others, and its spans are those of a client of this system, such as "duckdb".
func Probe(backend string) Option { return func(o *options) { o.probe = backend } }

// Exemplar gives trace_id and span_id of the span in ctx if it is sampled, else
// nil. Package metrics takes it to join its times to traces.
func Exemplar(ctx context.Context) map[string]string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() || !span.IsSampled() {
		return nil
	}
	return map[string]string{"trace_id": span.TraceID().String(), "span_id": span.SpanID().String()}
}
