package around_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A read is two events: the call, and the loop with what came out of it.
func TestReadIsTwoEvents(t *testing.T) {
	w := newWorld(t, 3, nil)
	rows, err := w.store.Read(t.Context(), core.ReadRequest{Key: "f", Columns: []string{"id"}, Filter: expr.Col("id").Eq("secret"), Local: true, AsOf: core.AtCommit(1)})
	if err != nil {
		t.Fatal(err)
	}
	w.want("read call ok")
	if n, err := rows.Count(); err != nil || n != 6 {
		t.Fatal(n, err)
	}
	w.want("read call ok", "read rows ok rows=6 batches=3")
	c, o := w.last()
	if !c.Local || !c.AsOf || c.Columns != 1 || c.Key != "f" || c.Filter.Shape() != "id = ?" {
		t.Errorf("call %+v", c)
	}
	if o.Bytes <= 0 || o.Call != time.Second || o.FirstBatch != time.Second {
		t.Errorf("outcome %+v", o)
	}
	if strings.Contains(fmt.Sprintf("%+v", o), "secret") {
		t.Error("the outcome holds a literal")
	}
}

// Every way out of a loop is measured once, at its end.
func TestEveryWayOut(t *testing.T) {
	boom := fmt.Errorf("%w: gone", core.ErrUnavailable)
	for name, c := range map[string]struct {
		fail error
		loop func(core.Rows)
		want string
	}{
		"end":    {nil, func(r core.Rows) { _, _ = r.Count() }, "read rows ok rows=6 batches=3"},
		"break":  {nil, func(r core.Rows) { first(r) }, "read rows partial rows=2 batches=1"},
		"panic":  {nil, func(r core.Rows) { panicking(r) }, "read rows partial rows=2 batches=1"},
		"error":  {boom, func(r core.Rows) { _, _ = r.Count() }, "read rows unavailable rows=6 batches=3"},
		"cancel": {context.Canceled, func(r core.Rows) { _, _ = r.Count() }, "read rows canceled rows=6 batches=3"},
		"late":   {context.DeadlineExceeded, func(r core.Rows) { _, _ = r.Count() }, "read rows timeout rows=6 batches=3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, c.fail)
			rows, err := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
			if err != nil {
				t.Fatal(err)
			}
			c.loop(rows)
			w.want("read call ok", c.want)
		})
	}
}

func TestNeverRangedOver(t *testing.T) {
	w := newWorld(t, 3, nil)
	if _, err := w.store.Read(t.Context(), core.ReadRequest{Key: "f"}); err != nil {
		t.Fatal(err)
	}
	w.want("read call ok")
}

// Replayable rows make one event for each range.
func TestRangedTwice(t *testing.T) {
	w := newWorld(t, 1, nil)
	rows, _ := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
	_, _ = rows.Count()
	_, _ = rows.Count()
	w.want("read call ok", "read rows ok rows=2 batches=1", "read rows ok rows=2 batches=1")
}

func TestResolveSaysWhichPart(t *testing.T) {
	w := newWorld(t, 2, nil)
	inc, err := w.store.Resolve(t.Context(), core.ResolveRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, o := w.last(); o.Stats.New != 4 {
		t.Errorf("outcome %+v", o)
	}
	for _, r := range []core.Rows{inc.Missing, inc.Orphaned, inc.Stale, inc.New} {
		_, _ = r.Count()
	}
	w.want("resolve call ok", "resolve missing ok rows=4 batches=2", "resolve orphaned ok rows=4 batches=2",
		"resolve stale ok rows=4 batches=2", "resolve new ok rows=4 batches=2")
}

func TestListIsOneEvent(t *testing.T) {
	w := newWorld(t, 0, nil)
	for range w.store.List(t.Context(), core.ListRequest{Prefix: "v"}) {
	}
	for range w.store.List(t.Context(), core.ListRequest{}) {
		break
	}
	w.want("list features ok rows=2 batches=0", "list features partial rows=1 batches=0")
}

// The time that a loop's body takes is told apart from the store's.
func TestConsumerTime(t *testing.T) {
	w := newWorld(t, 2, nil)
	rows, _ := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
	for range rows.Batches {
		w.clock.pass(time.Hour)
	}
	if _, o := w.last(); o.Consumer < 2*time.Hour || o.Elapsed-o.Consumer > time.Minute {
		t.Errorf("elapsed %s, consumer %s", o.Elapsed, o.Consumer)
	}
}

// What nobody wants is not measured.
func TestNothingWanted(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.wants = 0
	rows, _ := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
	before := w.clock.reads
	_, _ = rows.Count()
	if got := w.clock.reads - before; got != 2 {
		t.Errorf("%d readings of the clock for a loop, want its begin and end", got)
	}
	if _, o := w.last(); o.Bytes != -1 || o.Consumer != 0 || o.FirstBatch != 0 || o.Rows != 4 {
		t.Errorf("outcome %+v", o)
	}
}

func TestCallsThatAnswerAtOnce(t *testing.T) {
	w := newWorld(t, 0, nil)
	ctx := t.Context()
	_, _ = w.store.Write(ctx, core.WriteRequest{Tombstones: true})
	if c, o := w.last(); !c.Tombstones || o.Commit.Seq != 7 {
		t.Errorf("%+v %+v", c, o)
	}
	_, _ = w.store.Stat(ctx, core.StatRequest{Key: "none"})
	_, _ = w.store.Evolve(ctx, core.EvolveRequest{Key: "f"})
	w.want("write call ok", "stat call not_found", "evolve call ok")
	if w.store.Capabilities() != w.inner.Capabilities() {
		t.Error("capabilities differ")
	}
}

// Closing this layer leaves the store below open; calls after it are seen.
func TestClose(t *testing.T) {
	w := newWorld(t, 0, nil)
	if err := errors.Join(w.store.Close(), w.store.Close()); err != nil || w.inner.closed {
		t.Error(err, w.inner.closed)
	}
	ctx := t.Context()
	_, _ = w.store.Write(ctx, core.WriteRequest{})
	_, _ = w.store.Read(ctx, core.ReadRequest{})
	_, _ = w.store.Resolve(ctx, core.ResolveRequest{})
	for range w.store.List(ctx, core.ListRequest{}) {
	}
	_, _ = w.store.Stat(ctx, core.StatRequest{})
	_, err := w.store.Evolve(ctx, core.EvolveRequest{Key: "k"})
	w.want("write call closed", "read call closed", "resolve call closed", "list features closed rows=0 batches=0", "stat call closed", "evolve call closed")
	var e *core.Error
	if !errors.As(err, &e) || e.Op != core.OpEvolve || e.Key != "k" || e.Layer != "watch" {
		t.Errorf("got %#v", err)
	}
}

// The context of Begin goes to the operation and back to End: a tracer's span.
func TestContext(t *testing.T) {
	w := newWorld(t, 1, nil)
	rows, _ := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
	_, _ = rows.Count()
	for range w.store.List(t.Context(), core.ListRequest{}) {
	}
	if w.lost > 0 || w.inner.unmarked > 0 {
		t.Errorf("%d ends and %d operations without the context of their begin", w.lost, w.inner.unmarked)
	}
}

func TestClassesCoverTheSentinels(t *testing.T) {
	seen := map[around.Class]bool{around.ClassOK: true, around.ClassOther: true, around.ClassPartial: true}
	for _, err := range append(core.Sentinels(), context.Canceled, context.DeadlineExceeded) {
		c := around.ClassOf(&core.Error{Op: core.OpRead, Err: fmt.Errorf("a: %w", err)})
		if c == around.ClassOK || c == around.ClassOther || seen[c] {
			t.Errorf("%v is %s", err, c)
		}
		seen[c] = true
	}
	names := map[string]bool{}
	for _, c := range around.Classes() {
		if !seen[c] || c.String() == "" || names[c.String()] {
			t.Errorf("class %d (%s) stands for nothing", c, c)
		}
		names[c.String()] = true
	}
	if around.ClassOf(errors.New("x")) != around.ClassOther {
		t.Error("an unknown error has a class")
	}
	for _, c := range []around.Class{around.ClassOK, around.ClassPartial, around.ClassCanceled, around.ClassNotFound} {
		if c.Failure() {
			t.Errorf("%s is a failure", c)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, 4, nil)
	rows, _ := w.store.Read(t.Context(), core.ReadRequest{Key: "f"})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _ = rows.Count() })
	}
	wg.Wait()
	if len(w.lines) != 9 {
		t.Errorf("%d events", len(w.lines))
	}
}

// A call that a panic leaves is ended too: somebody above may recover.
func TestPanicBelow(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.store = around.Wrap(nil, w, around.Options{Name: "watch", Clock: w.clock.now}) // every call below panics
	ctx := t.Context()
	for _, call := range []func(){
		func() { _, _ = w.store.Write(ctx, core.WriteRequest{}) },
		func() { _, _ = w.store.Read(ctx, core.ReadRequest{}) },
		func() { _, _ = w.store.Resolve(ctx, core.ResolveRequest{}) },
		func() { _, _ = w.store.Stat(ctx, core.StatRequest{}) },
		func() { _, _ = w.store.Evolve(ctx, core.EvolveRequest{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			call()
		}()
	}
	w.want("write call other", "read call other", "resolve call other", "stat call other", "evolve call other")
}

// With Nest a range begins in the context of its call.
func TestNest(t *testing.T) {
	for _, nest := range []bool{false, true} {
		w := newWorld(t, 1, nil)
		o := &parents{}
		w.store = around.Wrap(w.inner, o, around.Options{Nest: nest})
		if rows, err := w.store.Read(t.Context(), core.ReadRequest{}); err == nil {
			_, _ = rows.Count()
		}
		if inc, err := w.store.Resolve(t.Context(), core.ResolveRequest{}); err == nil {
			_, _ = inc.Stale.Count()
		}
		if o.nested != map[bool]int{false: 0, true: 2}[nest] {
			t.Errorf("nest %t: %d ranges below their call", nest, o.nested)
		}
	}
}

// parents counts the ranges that begin in the context of a call.
type parents struct{ nested int }

func (p *parents) Begin(ctx context.Context, c around.Call) context.Context {
	if c.Part.Stream() && ctx.Value(mark{}) == around.PartCall {
		p.nested++
	}
	return context.WithValue(ctx, mark{}, c.Part)
}

func (*parents) End(context.Context, around.Call, around.Outcome) {}

func (*parents) Wants(around.Call) around.Want { return 0 }
