package tracing_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/storetest"
)

// secret stands in every value, literal and error text.
const secret = "canary"

// fake answers with the same rows, and fails for some keys. It records the span
// that it was called in.
type fake struct {
	rows core.Rows
	in   []trace.SpanID
}

func newFake(t testing.TB) *fake {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{secret + "-1", secret + "-2"}, nil)
	batch := b.NewRecordBatch()
	t.Cleanup(batch.Release)
	return &fake{rows: core.RowsOf(schema, batch, batch)}
}

func (f *fake) answer(ctx context.Context, op core.Op, key core.FeatureKey) error {
	f.in = append(f.in, trace.SpanContextFromContext(ctx).SpanID())
	switch key {
	case "not/there":
		return core.ErrFeatureNotFound
	case "down/store":
		return &core.Error{Op: op, Key: key, Layer: "fake", Err: fmt.Errorf("%w: %s", core.ErrUnavailable, secret)}
	}
	return ctx.Err()
}

func (f *fake) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	return core.Commit{Seq: 3, Rows: 4, Bytes: 100, ID: secret}, f.answer(ctx, core.OpWrite, req.Key())
}

func (f *fake) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows := f.rows
	if req.Key == "cut/short" {
		rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
			yield(nil, fmt.Errorf("%w: %s", core.ErrIntegrity, secret))
		}
	}
	return rows, f.answer(ctx, core.OpRead, req.Key)
}

func (f *fake) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	inc := core.Increment{New: f.rows, Stale: f.rows, Stats: core.Stats{New: 4, Stale: 4, Orphaned: 2, Unchanged: 10, Missing: 1}}
	return inc, f.answer(ctx, core.OpResolve, req.Key())
}

func (f *fake) List(ctx context.Context, _ core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) { yield(core.Info{Key: "a"}, f.answer(ctx, core.OpList, "")) }
}

func (f *fake) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	return core.Info{Key: req.Key, Generation: 7, Origin: "prod"}, f.answer(ctx, core.OpStat, req.Key)
}

func (f *fake) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	return core.Info{}, f.answer(ctx, core.OpEvolve, req.Key)
}

func (f *fake) Capabilities() core.Capabilities { return core.Capabilities{} }

func (f *fake) Close() error { return nil }

// tour does everything once, well and badly.
func tour(t testing.TB, s core.Store) {
	t.Helper()
	ctx := t.Context()
	plan, err := storetest.Graph().Plan(storetest.KeyCrop)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, ID: secret, Tombstones: true})
	for _, key := range []core.FeatureKey{"video/raw", "not/there", "down/store", "cut/short", secret + " \n"} {
		rows, err := s.Read(ctx, core.ReadRequest{Key: key, Columns: []string{"sample_id"}, Filter: expr.Col("sample_id").Eq(secret), Local: true})
		if err == nil {
			_, _ = rows.Count()
		}
	}
	if rows, err := s.Read(ctx, core.ReadRequest{Key: "left/early", History: true, AsOf: core.AtCommit(1)}); err == nil {
		for range rows.Batches {
			break
		}
	}
	_, _ = s.Read(ctx, core.ReadRequest{Key: "never/ranged"})
	if inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan}); err == nil {
		_, _ = inc.New.Count()
		_, _ = inc.Stale.Count()
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	_, _ = s.Evolve(stopped, core.EvolveRequest{Key: "video/raw"})
	_, _ = s.Stat(ctx, core.StatRequest{Key: "video/raw"})
	for range s.List(ctx, core.ListRequest{Prefix: "video"}) {
	}
}

// recorder is a provider that keeps every ended span.
func recorder() (*sdk.TracerProvider, *tracetest.SpanRecorder) {
	r := tracetest.NewSpanRecorder()
	return sdk.NewTracerProvider(sdk.WithSpanProcessor(r)), r
}

// draw prints spans as a tree, in the order in which they began.
func draw(spans []sdk.ReadOnlySpan) string {
	slices.SortStableFunc(spans, func(a, b sdk.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var out strings.Builder
	var below func(trace.SpanID, string)
	below = func(parent trace.SpanID, indent string) {
		for _, s := range spans {
			if s.Parent().SpanID() != parent {
				continue
			}
			fmt.Fprintf(&out, "%s%s [%s %s%s]", indent, s.Name(), s.SpanKind(), s.Status().Code, colon(s.Status().Description))
			attrs := s.Attributes()
			slices.SortFunc(attrs, func(a, b attribute.KeyValue) int { return strings.Compare(string(a.Key), string(b.Key)) })
			for _, a := range attrs {
				fmt.Fprintf(&out, " %s=%s", a.Key, a.Value.String())
			}
			fmt.Fprintln(&out)
			below(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	below(trace.SpanID{}, "")
	return out.String()
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
