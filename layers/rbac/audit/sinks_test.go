package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// sink records in memory, fails when told to, and waits when told to.
type sink struct {
	mu   sync.Mutex
	got  []rbac.Event
	err  error
	hold chan struct{}
}

func (s *sink) Record(_ context.Context, e rbac.Event) error {
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.got = append(s.got, e)
	return nil
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *sink) events() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func TestMulti(t *testing.T) {
	good, bad := &sink{}, &sink{err: fmt.Errorf("%w: broken", core.ErrConflict)}
	for name, c := range map[string]struct {
		m    *Multi
		fine bool
	}{
		"all good": {All(good, good), true}, "all, one bad": {All(good, bad), false},
		"any good": {Any(good, good), true}, "any, one bad": {Any(bad, good), true}, "any, all bad": {Any(bad, bad), false},
		"none of all": {All(), false}, "none of any": {Any(), false}, "nil": {All(good, nil), false},
	} {
		before := good.events()
		err := c.m.Record(t.Context(), event(0))
		if (err == nil) != c.fine || err != nil && (!errors.Is(err, core.ErrUnavailable) || errors.Is(err, core.ErrConflict)) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(name, "good") && good.events() == before {
			t.Errorf("%s: a good recorder was left out", name)
		}
	}
	m := Any(bad, good)
	record(t, m, 0, 3)
	if f := m.Failures(); f[0] != 3 || f[1] != 0 {
		t.Error(f)
	}
}

func TestAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := &sink{hold: make(chan struct{})}
		a, err := NewAsync(behind, 3)
		if err != nil {
			t.Fatal(err)
		}
		read := event(0)
		if !harmless(read) {
			t.Fatal("no read")
		}
		for range 10 { // nobody waits; one is being recorded, three are queued
			if err := a.Record(t.Context(), read); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if a.Dropped() != 6 {
			t.Errorf("%d dropped", a.Dropped())
		}
		close(behind.hold)
		if err := a.Record(t.Context(), event(1)); err != nil { // a denial
			t.Fatal(err)
		}
		closed(t, a)
		closed(t, a)
		told := int64(0)
		for _, e := range behind.got {
			if e.Part == PartDropped {
				told += e.Rows
			}
		}
		if told != 6 || behind.events() != 4+1+1 {
			t.Errorf("%d told, %d events", told, behind.events())
		}
		if err := a.Record(t.Context(), read); !errors.Is(err, core.ErrClosed) {
			t.Error(err)
		}
		if err := a.Record(t.Context(), event(1)); !errors.Is(err, core.ErrClosed) {
			t.Error(err)
		}
	})
	if _, err := NewAsync(nil, 1); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}

// Once the background has failed, reads are refused until something could be
// recorded again.
func TestAsyncFailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := &sink{err: syscall.EIO}
		a, err := NewAsync(behind, 10)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Record(t.Context(), event(0))
		synctest.Wait()
		for range 3 {
			if err := a.Record(t.Context(), event(0)); !errors.Is(err, syscall.EIO) {
				t.Errorf("a read went through: %v", err)
			}
		}
		behind.fail(nil)
		for range 3 {
			if err := a.Record(t.Context(), event(0)); err != nil {
				t.Error(err)
			}
		}
		closed(t, a)
		if behind.events() != 3+1 { // and what was dropped
			t.Errorf("%d events", behind.events())
		}
	})
}

func TestZap(t *testing.T) {
	zcore, logs := observer.New(zap.InfoLevel)
	z, err := NewZap(zap.New(zcore))
	if err != nil {
		t.Fatal(err)
	}
	record(t, z, 0, 3)
	z.Anchor(Head{Seq: 7})
	if logs.Len() != 4 || logs.All()[1].ContextMap()["identity"] != "user:bob" || logs.All()[1].ContextMap()["decision"] != rbac.Deny {
		t.Errorf("%+v", logs.All())
	}
	for name, logger := range map[string]*zap.Logger{"nil": nil, "nop": zap.NewNop(), "warn": zap.New(zcore, zap.IncreaseLevel(zap.WarnLevel))} {
		if _, err := NewZap(logger); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the logger drops or cannot write was not recorded.
func TestZapFailsClosed(t *testing.T) {
	zcore, _ := observer.New(zap.InfoLevel)
	sampled, err := NewZap(zap.New(zapcore.NewSamplerWithOptions(zcore, time.Hour, 1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	e := event(0)
	if err := sampled.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := sampled.Record(t.Context(), e); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a sampled line was recorded: %v", err)
	}
	full, err := NewZap(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &brokenPipe{}, zap.InfoLevel)))
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Record(t.Context(), e); !errors.Is(err, core.ErrUnavailable) || !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
}

type brokenPipe struct{}

func (*brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }
func (*brokenPipe) Sync() error               { return nil }

const trailKey = "ops/audit"

func TestStore(t *testing.T) {
	base := memory.New()
	defer base.Close()
	signer, v := keys(t)
	for range 2 { // each time a chain of its own
		s, err := NewStore(base, trailKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { record(t, s, 0, 20) })
		}
		wg.Wait()
		chain, head := s.Head()
		if chain == "" || head.Seq < 160 {
			t.Errorf("%s %+v", chain, head)
		}
		closed(t, s)
		closed(t, s)
		if err := s.Record(t.Context(), event(0)); !errors.Is(err, core.ErrClosed) {
			t.Error(err)
		}
	}
	reports, err := VerifyStore(t.Context(), base, trailKey, v)
	if err != nil || len(reports) != 2 {
		t.Fatal(reports, err)
	}
	for _, r := range reports {
		if r.Events != 160 || !r.Closed {
			t.Errorf("%+v", r)
		}
	}
	if _, err := VerifyStore(t.Context(), base, trailKey, v, Holds(reports[1].Head), Holds(reports[0].Head)); err != nil {
		t.Error(err)
	}
	if _, err := VerifyStore(t.Context(), base, trailKey, v, Holds(Head{Seq: 3})); !errors.Is(err, core.ErrIntegrity) {
		t.Error(err)
	}
}

// shaky fails writes, before or after they were made.
type shaky struct {
	core.Store
	fail, after bool
}

func (s *shaky) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	if s.fail && !s.after {
		return core.Commit{}, core.ErrUnavailable
	}
	c, err := s.Store.Write(ctx, r)
	if s.fail {
		return core.Commit{}, core.ErrUnavailable
	}
	return c, err
}

// A store that fails refuses events; it goes on with a chain that tells.
func TestStoreFails(t *testing.T) {
	for _, after := range []bool{false, true} {
		base := &shaky{Store: memory.New(), after: after}
		signer, v := keys(t)
		s, err := NewStore(base, trailKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, 0, 2)
		base.fail = true
		for range 3 {
			if err := s.Record(t.Context(), event(0)); !errors.Is(err, core.ErrUnavailable) {
				t.Error(err)
			}
		}
		base.fail = false
		record(t, s, 2, 4)
		closed(t, s)
		reports, err := VerifyStore(t.Context(), base, trailKey, v, Live())
		var told int64
		for _, r := range reports {
			for _, c := range r.Recoveries {
				if !after || r.Closed {
					told += c.Recovery.Refused
				}
			}
		}
		if err != nil || told != 3 {
			t.Errorf("%d told of: %+v, %v", told, reports, err)
		}
		_ = base.Close()
	}
}

// A Store whose own writes come back to it does not turn in circles.
func TestStoreInsideItself(t *testing.T) {
	base := memory.New()
	defer base.Close()
	loop := &loop{Store: base}
	signer, _ := keys(t)
	s, err := NewStore(loop, trailKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	loop.r = s
	if err := s.Record(t.Context(), event(0)); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}

type loop struct {
	core.Store
	r rbac.Recorder
}

func (l *loop) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	if err := l.r.Record(ctx, rbac.Event{Op: core.OpWrite}); err != nil {
		return core.Commit{}, err
	}
	return l.Store.Write(ctx, r)
}

// Rows that were changed in the store are found, and so are columns that do not
// say what the line says.
func TestStoreDamage(t *testing.T) {
	w := &encoder{}
	signer, v := keys(t)
	w.link(start, Link{Chain: "c"})
	for i := range 4 {
		w.event(event(i))
	}
	if err := w.checkpoint(signer, start, ReasonClose); err != nil {
		t.Fatal(err)
	}
	batch, err := tableOf("c", w.buf)
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	rows, err := batch.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to string
		damage   Damage
	}{
		"as written": {},
		"identity":   {`"identity":"user:bob"`, `"identity":"user:eve"`, Edited},
		"line":       {`\"identity\":\"user:bob\"`, `\"identity\":\"user:eve\"`, Edited},
		"number":     {`"seq":3,"time"`, `"seq":9,"time"`, Removed},
		"other":      {`"chain":"c"`, `"chain":"d"`, Inserted},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(rows)
			if c.from != "" {
				if text = strings.ReplaceAll(text, c.from, c.to); text == string(rows) {
					t.Fatalf("nothing to change in %s", rows)
				}
			}
			changed, _, err := array.RecordFromJSON(arrowmem.DefaultAllocator, batch.Schema(), strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			defer changed.Release()
			base := memory.New()
			defer base.Close()
			write(t, base, changed)
			_, err = VerifyStore(t.Context(), base, trailKey, v)
			var p *DamageError
			if errors.As(err, &p); (p == nil) != (c.damage == "") || p != nil && p.Damage != c.damage {
				t.Error(err)
			}
		})
	}
}

func write(t *testing.T, store core.Store, batch arrow.RecordBatch) {
	t.Helper()
	graph, err := core.NewGraph(Feature(trailKey))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := graph.Plan(trailKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)}); err != nil {
		t.Fatal(err)
	}
}
