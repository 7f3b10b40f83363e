package around_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

func first(r core.Rows) {
	for range r.Batches {
		return
	}
}

func panicking(r core.Rows) {
	defer func() { _ = recover() }()
	for range r.Batches {
		panic("in the loop")
	}
}

// world is an observed store over a fake one, and what was observed.
type world struct {
	t     *testing.T
	inner *fake
	store core.Store
	clock *clock
	wants around.Want

	mu    sync.Mutex
	lines []string
	calls []around.Call
	outs  []around.Outcome
	lost  int
}

func newWorld(t *testing.T, batches int, fail error) *world {
	t.Helper()
	w := &world{t: t, inner: newFake(t, batches, fail), clock: &clock{}, wants: around.WantBytes | around.WantTiming}
	w.store = around.Wrap(w.inner, w, around.Options{Name: "watch", Clock: w.clock.now})
	return w
}

type mark struct{}

func (w *world) Begin(ctx context.Context, c around.Call) context.Context {
	return context.WithValue(ctx, mark{}, c.Op)
}

func (w *world) Wants(around.Call) around.Want { return w.wants }

func (w *world) End(ctx context.Context, c around.Call, o around.Outcome) {
	line := fmt.Sprintf("%s %s %s", c.Op, c.Part, o.Class())
	if c.Part.Stream() {
		line += fmt.Sprintf(" rows=%d batches=%d", o.Rows, o.Batches)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines, w.calls, w.outs = append(w.lines, line), append(w.calls, c), append(w.outs, o)
	if ctx.Value(mark{}) != c.Op {
		w.lost++
	}
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if got, want := strings.Join(w.lines, "\n"), strings.Join(lines, "\n"); got != want {
		w.t.Errorf("observed\n%s\nwant\n%s", got, want)
	}
}

func (w *world) last() (around.Call, around.Outcome) {
	return w.calls[len(w.calls)-1], w.outs[len(w.outs)-1]
}

// clock advances by a second with each reading.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	reads int
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	c.at = c.at.Add(time.Second)
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fake gives the same rows for everything.
type fake struct {
	rows     core.Rows
	closed   bool
	unmarked int
}

func newFake(t *testing.T, batches int, fail error) *fake {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"secret-1", "secret-2"}, nil)
	batch := b.NewRecordBatch()
	t.Cleanup(batch.Release)
	return &fake{rows: core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for range batches {
			if !yield(batch, nil) {
				return
			}
		}
		if fail != nil {
			yield(nil, fail)
		}
	}}}
}

func (f *fake) seen(ctx context.Context) {
	if ctx.Value(mark{}) == nil {
		f.unmarked++
	}
}

func (f *fake) Write(ctx context.Context, _ core.WriteRequest) (core.Commit, error) {
	f.seen(ctx)
	return core.Commit{Seq: 7}, nil
}

func (f *fake) Read(ctx context.Context, _ core.ReadRequest) (core.Rows, error) {
	f.seen(ctx)
	return f.rows, nil
}

func (f *fake) Resolve(ctx context.Context, _ core.ResolveRequest) (core.Increment, error) {
	f.seen(ctx)
	return core.Increment{New: f.rows, Stale: f.rows, Orphaned: f.rows, Missing: f.rows, Stats: core.Stats{New: 4}}, nil
}

func (f *fake) List(ctx context.Context, _ core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		f.seen(ctx)
		_ = yield(core.Info{Key: "a"}, nil) && yield(core.Info{Key: "b"}, nil)
	}
}

func (f *fake) Stat(ctx context.Context, _ core.StatRequest) (core.Info, error) {
	f.seen(ctx)
	return core.Info{}, core.ErrFeatureNotFound
}

func (f *fake) Evolve(ctx context.Context, _ core.EvolveRequest) (core.Info, error) {
	f.seen(ctx)
	return core.Info{}, nil
}

func (f *fake) Capabilities() core.Capabilities { return core.Capabilities{Durable: true} }

func (f *fake) Close() error { f.closed = true; return nil }
