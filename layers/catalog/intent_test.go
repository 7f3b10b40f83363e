package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/storetest"
)

// strict are the options that record intents.
func strict() map[string]catalog.Option {
	return map[string]catalog.Option{"required": catalog.RequireCatalog(), "every": catalog.EveryWriterRegisters()}
}

func pending(tb testing.TB, c catalog.Catalog, key core.FeatureKey) int {
	tb.Helper()
	e, err := c.Entry(tb.Context(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return len(e.Pending)
}

// A registration that has to be made later ends its intent and keeps its name.
func TestLateRegistrationEndsItsIntent(t *testing.T) {
	for name, opt := range strict() {
		inner, c := newStore(t), newClock()
		b := &beside{Catalog: catalog.NewMemory()}
		k := catalog.New(b, opt, catalog.Clock(c.now), by("ada"))
		s := wrap(t, k, inner)
		write(t, s, "video/a", samplesOf(2, 0)...)
		for range 3 {
			b.down = true
			write(t, s, "video/a", samplesOf(2, 1)...)
			b.down = false
			c.pass(time.Minute)
		}
		if err := k.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		agree(t, inner, b)
		if got := writers(t, b, "video/a"); got != "1 ada, 2 ada, 3 ada, 4 ada" || k.Stats().Behind != 0 {
			t.Errorf("%s: written by %s, %+v", name, got, k.Stats())
		}
	}
}

// What the store surely did not take leaves neither an intent nor a doubt.
func TestFailedSource(t *testing.T) {
	broken := errors.New("the video is broken")
	failing := func(from core.Rows) core.Rows {
		source := from.Batches
		from.Batches = func(yield func(arrow.RecordBatch, error) bool) {
			for b, err := range source {
				if !yield(b, err) {
					return
				}
			}
			yield(nil, broken)
		}
		return from
	}
	for name, opt := range strict() {
		inner := newStore(t)
		k := catalog.New(catalog.NewMemory(), opt)
		s := wrap(t, k, inner)
		write(t, s, "video/a", samplesOf(2, 0)...)
		for _, req := range []core.WriteRequest{
			{Plan: planOf(t, "video/a"), Rows: failing(rowsOf(samplesOf(2, 0)...))},
			{Plan: planOf(t, "video/a"), Rows: failing(idsOf("s0001")), Tombstones: true},
		} {
			if _, err := s.Write(t.Context(), req); !errors.Is(err, broken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		agree(t, inner, k.Catalog())
		if k.Stats().Behind != 0 {
			t.Errorf("%s: %+v", name, k.Stats())
		}
	}
}

// unreachable fails before it looks at the rows.
type unreachable struct{ core.Store }

func (u unreachable) Write(context.Context, core.WriteRequest) (core.Commit, error) {
	return core.Commit{}, errDown
}

func TestStoreThatTakesNoRow(t *testing.T) {
	inner := newStore(t)
	k := catalog.New(catalog.NewMemory(), catalog.EveryWriterRegisters())
	s := wrap(t, k, unreachable{inner})
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), Rows: rowsOf(samplesOf(2, 0)...)}); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	agree(t, inner, k.Catalog())
	if k.Stats().Behind != 0 {
		t.Errorf("%+v", k.Stats())
	}
}

// late is a store that answers before it is done, and keeps ranging or not.
type late struct {
	core.Store
	land *func() error
}

func (l late) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	kept := req
	if req.ID == "late" {
		rows := rowsOf(sample{"new", "vnew", "vnew"})
		if _, err := req.Rows.Count(); err != nil {
			return core.Commit{}, err
		}
		kept.Rows = rows
	} else if req.ID != "unread" {
		return l.Store.Write(ctx, req)
	}
	*l.land = func() error {
		_, err := l.Store.Write(context.WithoutCancel(ctx), kept)
		return err
	}
	return core.Commit{}, errDown
}

// A write of which nobody knows may still happen: until it is old enough the
// store is asked, whatever was reconciled meanwhile.
func TestLateWrite(t *testing.T) {
	for name, opt := range map[string]catalog.Option{"sole": catalog.SoleWriter(), "every": catalog.EveryWriterRegisters()} {
		inner, cat, c := newStore(t), catalog.NewMemory(), newClock()
		var land func() error
		k := catalog.New(cat, opt, catalog.Clock(c.now))
		s := wrap(t, k, late{inner, &land})
		write(t, s, "video/a", samplesOf(2, 0)...)
		req := core.WriteRequest{Plan: planOf(t, "video/a"), ID: "late", Rows: rowsOf(sample{"new", "vnew", "vnew"})}
		if _, err := s.Write(t.Context(), req); !errors.Is(err, core.ErrUnavailable) {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil {
				t.Fatal(err)
			}
			c.pass(-time.Hour) // a clock that goes back makes nothing older
		}
		if err := land(); err != nil {
			t.Fatal(err)
		}
		written(t, k, "video/a", "vnew")
		// The log says now that it happened: its age does not matter.
		if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil || k.Stats().Behind != 0 {
			t.Errorf("%s: %v, %+v", name, err, k.Stats())
		}
		agree(t, inner, cat)
	}
}

// A store that was not given the last row cannot commit any more.
func TestRowsAfterTheWrite(t *testing.T) {
	inner := newStore(t)
	var land func() error
	s := wrap(t, catalog.New(catalog.NewMemory(), catalog.SoleWriter()), late{inner, &land})
	req := core.WriteRequest{Plan: planOf(t, "video/a"), ID: "unread", Rows: rowsOf(samplesOf(2, 0)...)}
	if _, err := s.Write(t.Context(), req); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := land(); !errors.Is(err, core.ErrClosed) {
		t.Errorf("rows were handed out after the write: %v", err)
	}
}

// The intent of a writer that died ends at its age, at the first use or by
// Reconcile, unless the store's log says earlier that it happened.
func TestAbandonAfter(t *testing.T) {
	inner, cat, c := newStore(t), catalog.NewMemory(), newClock()
	write(t, wrap(t, catalog.New(cat, catalog.Clock(c.now)), inner), "video/a", samplesOf(2, 0)...)
	for _, id := range []string{"", "known"} {
		fault, err := storetest.Fault(storetest.AfterCommit(1, core.ErrUnavailable)).Wrap(inner)
		if err != nil {
			t.Fatal(err)
		}
		dead := wrap(t, catalog.New(cat, catalog.EveryWriterRegisters(), catalog.Clock(c.now)), fault)
		if _, err := dead.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), ID: id, Rows: rowsOf(samplesOf(1, 3)...)}); !errors.Is(err, core.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if got := pending(t, cat, "video/a"); got != 2 {
		t.Fatalf("%d intents", got)
	}
	for i, step := range []struct {
		pass time.Duration
		job  catalog.Job
		want int
	}{
		{0, catalog.Job{AbandonAfter: -1}, 1}, // the log tells of one
		{-time.Hour, catalog.Job{AbandonAfter: time.Minute}, 1},
		{2 * time.Hour, catalog.Job{AbandonAfter: 2 * time.Hour}, 1},
		{100 * time.Hour, catalog.Job{AbandonAfter: -1}, 1},
		{0, catalog.Job{}, 0},
	} {
		c.pass(step.pass)
		k := catalog.New(cat, catalog.NoCatchUp(), catalog.Clock(c.now))
		wrap(t, k, inner)
		if _, err := k.Reconcile(t.Context(), step.job); err != nil {
			t.Fatal(err)
		}
		if got := pending(t, cat, "video/a"); got != step.want {
			t.Errorf("step %d: %d intents, want %d", i, got, step.want)
		}
	}
	agree(t, inner, cat)
}

// Not even an age of nothing ends the intent of a write that is under way here.
func TestLiveIntent(t *testing.T) {
	inner, cat := newStore(t), catalog.NewMemory()
	var during func()
	k := catalog.New(cat, catalog.EveryWriterRegisters())
	s := wrap(t, k, slowWrite{inner, &during})
	write(t, s, "video/a", samplesOf(2, 0)...)
	during = func() {
		if _, err := k.Reconcile(t.Context(), catalog.Job{AbandonAfter: time.Nanosecond}); err != nil {
			t.Error(err)
		}
		if pending(t, cat, "video/a") != 1 {
			t.Error("the intent is gone")
		}
	}
	write(t, s, "video/a", samplesOf(2, 1)...)
	agree(t, inner, cat)
}

type slowWrite struct {
	core.Store
	during *func()
}

func (s slowWrite) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	once(s.during)
	return s.Store.Write(ctx, req)
}

// lostAnswers is a catalog that records intents and says it could not.
type lostAnswers struct {
	catalog.Catalog
	on bool
}

func (l *lostAnswers) Begin(ctx context.Context, i catalog.Intent) error {
	err := l.Catalog.Begin(ctx, i)
	if l.on {
		err = errDown
	}
	return err
}

func TestIntentOfARefusedWrite(t *testing.T) {
	inner := newStore(t)
	cat := &lostAnswers{Catalog: catalog.NewMemory(), on: true}
	k := catalog.New(cat, catalog.RequireCatalog())
	s := wrap(t, k, inner)
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), Rows: rowsOf(samplesOf(1, 0)...)}); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	cat.on = false
	if err := k.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	agree(t, inner, cat)
}

// What is remembered of writes that cannot be registered is bounded, and a doubt
// is not lost by it.
func TestVeryManyOpenWrites(t *testing.T) {
	inner, cat, c := newStore(t), catalog.NewMemory(), newClock()
	var land func() error
	k := catalog.New(cat, catalog.EveryWriterRegisters(), catalog.Clock(c.now))
	s := wrap(t, k, late{inner, &land})
	for i := range 600 {
		id := "late"
		if i%2 == 1 {
			id = fmt.Sprintf("other %d", i)
		}
		_, _ = s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "video/a"), ID: id, Rows: rowsOf(samplesOf(1, i)...)})
	}
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil || k.Stats().Behind != 1 {
		t.Errorf("%v, %+v", err, k.Stats())
	}
	c.pass(catalog.DefaultAbandonAfter)
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil || k.Stats().Behind != 0 {
		t.Errorf("%v, %+v", err, k.Stats())
	}
	agree(t, inner, cat)
}

// Whoever goes on ends what a writer left that died beside it.
func TestDeathBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, cat := memory.New(), catalog.NewMemory()
		defer func() { _ = inner.Close() }()
		k := catalog.New(cat, catalog.EveryWriterRegisters())
		s := wrap(t, k, inner)
		write(t, s, "video/a", samplesOf(2, 0)...)
		if err := cat.Begin(t.Context(), catalog.Intent{Key: "video/a", ID: "of the dead", Begun: time.Now()}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if notFound(t, s, "video/a") || k.Stats().Behind != 0 {
				t.Errorf("%+v", k.Stats())
			}
			time.Sleep(time.Hour)
		}
		time.Sleep(catalog.DefaultAbandonAfter)
		for range 2 {
			if notFound(t, s, "video/a") {
				t.Error("video/a is missing")
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		agree(t, inner, cat)
	})
}
