package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// system is the value of db.system.name for a whole stack.
const system = "metaxy"

// Attributes beyond the semantic conventions.
const (
	keyOutcome   = attribute.Key("metaxy.outcome")
	keyPart      = attribute.Key("metaxy.part") // of a range over an increment
	keyRows      = attribute.Key("metaxy.rows") // written, or given to the loop
	keyBytes     = attribute.Key("metaxy.bytes")
	keyBatches   = attribute.Key("metaxy.batches")
	keyCommit    = attribute.Key("metaxy.commit")
	keyColumns   = attribute.Key("metaxy.columns") // asked for
	keyFilter    = attribute.Key("metaxy.filter")  // its shape, such as "region = ?"
	keyPrefix    = attribute.Key("metaxy.prefix")  // of a list
	keyFlags     = attribute.Key("metaxy.flags")
	keyLayer     = attribute.Key("metaxy.layer")  // which reported the error
	keyOrigin    = attribute.Key("metaxy.origin") // the fallback leg that answered
	keyNew       = attribute.Key("metaxy.increment.new")
	keyStale     = attribute.Key("metaxy.increment.stale")
	keyOrphaned  = attribute.Key("metaxy.increment.orphaned")
	keyUnchanged = attribute.Key("metaxy.increment.unchanged")
	keyMissing   = attribute.Key("metaxy.increment.missing")
)

// numOps is one more than the last operation.
const numOps = core.OpClose + 1

// observer turns events into spans. A span lives in the context of its event.
type observer struct {
	tracer trace.Tracer
	// start is what a sampler may want to know of each operation, made once.
	start [numOps][]trace.SpanStartOption
	wants around.Want
}

var _ around.Observer = (*observer)(nil)

func newObserver(provider trace.TracerProvider, o options) *observer {
	out := &observer{tracer: provider.Tracer(Scope, trace.WithSchemaURL(semconv.SchemaURL)), wants: around.WantBytes}
	if _, ok := provider.(noop.TracerProvider); ok {
		out.wants = 0
	}
	for op := range core.Ops() {
		kind, name := trace.SpanKindInternal, system
		if o.probe != "" {
			kind, name = trace.SpanKindClient, o.probe
		}
		attrs := []attribute.KeyValue{semconv.DBSystemNameKey.String(name), semconv.DBOperationNameKey.String(op.String())}
		if o.store != "" {
			attrs = append(attrs, semconv.DBNamespace(o.store))
		}
		out.start[op] = []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(attrs...)}
	}
	return out
}

// Begin is around.Observer's. The span gets its full name only where somebody
// reads it.
func (m *observer) Begin(ctx context.Context, c around.Call) context.Context {
	if c.Op >= numOps {
		return ctx
	}
	ctx, span := m.tracer.Start(ctx, c.Op.String(), m.start[c.Op]...)
	if span.IsRecording() {
		describe(span, c)
	}
	return ctx
}

// Wants is around.Observer's. Sizes cost about a microsecond a batch, and
// whether a span is read is known only once it has begun.
func (m *observer) Wants(around.Call) around.Want { return m.wants }

// End is around.Observer's.
func (m *observer) End(ctx context.Context, c around.Call, o around.Outcome) {
	if c.Op >= numOps {
		return
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		finish(span, c, o)
	}
	span.End()
}

// describe sets what is known before the operation.
func describe(span trace.Span, c around.Call) {
	name := c.Op.String()
	attrs := make([]attribute.KeyValue, 0, 6)
	// A key is the caller's text until it is found to be one.
	if c.Key != "" && c.Key.Validate() == nil {
		if c.Op == core.OpList {
			attrs = append(attrs, keyPrefix.String(string(c.Key)))
		} else {
			name += " " + string(c.Key)
			attrs = append(attrs, semconv.DBCollectionName(string(c.Key)))
		}
	}
	if c.Part.Stream() && c.Part != around.PartFeatures {
		name += " (" + c.Part.String() + ")"
		attrs = append(attrs, keyPart.String(c.Part.String()))
	}
	span.SetName(name)
	if c.Columns > 0 {
		attrs = append(attrs, keyColumns.Int(c.Columns))
	}
	if flags := flagsOf(c); len(flags) > 0 {
		attrs = append(attrs, keyFlags.StringSlice(flags))
	}
	span.SetAttributes(attrs...)
}

func flagsOf(c around.Call) []string {
	var out []string
	for _, f := range []struct {
		set  bool
		name string
	}{{c.Tombstones, "tombstones"}, {c.History, "history"}, {c.AsOf, "as_of"}, {c.Local, "local"}} {
		if f.set {
			out = append(out, f.name)
		}
	}
	return out
}

// finish sets what is known after it.
func finish(span trace.Span, c around.Call, o around.Outcome) {
	class := o.Class()
	attrs := append(make([]attribute.KeyValue, 0, 12), keyOutcome.String(class.String()))
	// A filter that was refused may hold a value where a column should be.
	if c.Filter.Applied() && class != around.ClassInvalid {
		attrs = append(attrs, keyFilter.String(c.Filter.Shape()))
	}
	if c.Part.Stream() {
		attrs = appendStream(attrs, c, o)
	}
	if o.Err == nil {
		attrs = appendResult(attrs, c, o)
	}
	if class.Failure() {
		// The class alone: the text of an error may quote what a backend saw.
		span.SetStatus(codes.Error, class.String())
		attrs = append(attrs, semconv.ErrorTypeKey.String(class.String()))
		var e *core.Error
		if errors.As(o.Err, &e) && e.Layer != "" {
			attrs = append(attrs, keyLayer.String(e.Layer))
		}
	}
	span.SetAttributes(attrs...)
}

func appendStream(attrs []attribute.KeyValue, c around.Call, o around.Outcome) []attribute.KeyValue {
	if c.Part == around.PartFeatures {
		return append(attrs, semconv.DBResponseReturnedRows(int(o.Rows)))
	}
	attrs = append(attrs, semconv.DBResponseReturnedRows(int(o.Rows)), keyRows.Int64(o.Rows), keyBatches.Int64(o.Batches))
	if o.Bytes >= 0 {
		attrs = append(attrs, keyBytes.Int64(o.Bytes))
	}
	return appendOrigin(attrs, o.Origin)
}

func appendResult(attrs []attribute.KeyValue, c around.Call, o around.Outcome) []attribute.KeyValue {
	switch {
	case c.Op == core.OpWrite:
		attrs = append(attrs, keyRows.Int64(o.Commit.Rows), keyBytes.Int64(o.Commit.Bytes), keyCommit.Int64(o.Commit.Seq))
	case c.Op == core.OpResolve && c.Part == around.PartCall:
		s := o.Stats
		attrs = append(attrs, keyNew.Int64(s.New), keyStale.Int64(s.Stale), keyOrphaned.Int64(s.Orphaned),
			keyUnchanged.Int64(s.Unchanged), keyMissing.Int64(s.Missing))
	case c.Op == core.OpStat || c.Op == core.OpEvolve:
		attrs = appendOrigin(append(attrs, keyCommit.Int64(o.Info.Generation)), o.Info.Origin)
	}
	return attrs
}

func appendOrigin(attrs []attribute.KeyValue, origin string) []attribute.KeyValue {
	if origin == "" {
		return attrs
	}
	return append(attrs, keyOrigin.String(origin))
}
