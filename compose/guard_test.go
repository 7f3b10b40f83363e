package compose_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// bomb is a layer that panics in one place: at the call, or while the rows
// that it gives or takes are ranged over.
type bomb struct {
	pass
	op     core.Op
	stream bool // after the first batch
	value  any
	armed  bool
}

func bombLayer(b *bomb, p core.Phase) core.Layer {
	return layer{core.LayerInfo{Name: "custom", Phase: p}, func(next core.Store) (core.Store, error) {
		b.next = next
		if p.Enforcing() {
			return &strict{next: b, closed: b.Close}, nil
		}
		return b, nil
	}}
}

func (b *bomb) tick(op core.Op) {
	if b.armed && b.op == op && !b.stream {
		panic(b.value)
	}
}

func (b *bomb) rows(op core.Op, rows core.Rows) core.Rows {
	if !b.armed || b.op != op || !b.stream {
		return rows
	}
	all := rows.All()
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for batch, err := range all {
			if !yield(batch, err) {
				return
			}
			panic(b.value)
		}
	}
	return rows
}

func (b *bomb) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	b.tick(core.OpWrite)
	r.Rows = b.rows(core.OpWrite, r.Rows)
	return b.next.Write(ctx, r)
}

func (b *bomb) Read(ctx context.Context, r core.ReadRequest) (core.Rows, error) {
	b.tick(core.OpRead)
	rows, err := b.next.Read(ctx, r)
	return b.rows(core.OpRead, rows), err
}

func (b *bomb) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	b.tick(core.OpResolve)
	inc, err := b.next.Resolve(ctx, r)
	inc.New = b.rows(core.OpResolve, inc.New)
	return inc, err
}

func (b *bomb) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	b.tick(core.OpList)
	return func(yield func(core.Info, error) bool) {
		for info, err := range b.next.List(ctx, r) {
			if !yield(info, err) {
				return
			}
			if b.armed && b.op == core.OpList {
				panic(b.value)
			}
		}
	}
}

func (b *bomb) Stat(ctx context.Context, r core.StatRequest) (core.Info, error) {
	b.tick(core.OpStat)
	return b.next.Stat(ctx, r)
}

func (b *bomb) Evolve(ctx context.Context, r core.EvolveRequest) (core.Info, error) {
	b.tick(core.OpEvolve)
	return b.next.Evolve(ctx, r)
}

func (b *bomb) Close() error {
	b.tick(core.OpClose)
	return nil
}

// rig is memory, filled, under the bomb, under a transparent layer.
func rig(t *testing.T, b *bomb, p core.Phase) *compose.Stack {
	t.Helper()
	base := storetest.Empty(t)
	storetest.Fill(t, base)
	above := core.PhaseObserve
	if p == above {
		above = core.PhaseProbe // then it is below
	}
	return build(t, base, compose.With(bombLayer(b, p), transparent("other", above)))
}

func planOf(t *testing.T, key core.FeatureKey) *core.Plan {
	t.Helper()
	plan, err := storetest.Graph().Plan(key)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// do makes one call, ranges over what it gives, and returns the error.
func do(t *testing.T, s core.Store, op core.Op) (err error) {
	t.Helper()
	ctx := t.Context()
	switch op {
	case core.OpWrite:
		source, err := storetest.Populated(t).Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
		if err == nil {
			_, err = s.Write(ctx, core.WriteRequest{Plan: planOf(t, storetest.KeyVideo), Rows: source})
		}
		return err
	case core.OpRead:
		rows, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
		if err == nil {
			_, err = rows.Count()
		}
		return err
	case core.OpResolve:
		inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: planOf(t, storetest.KeyTrain)})
		if err == nil {
			_, err = inc.New.Count()
		}
		return err
	case core.OpList:
		for _, e := range s.List(ctx, core.ListRequest{}) {
			err = e
		}
	case core.OpStat:
		_, err = s.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo})
	case core.OpEvolve:
		_, err = s.Evolve(ctx, core.EvolveRequest{Key: storetest.KeyVideo, Base: 1, Changes: []core.SchemaChange{
			{Kind: core.AddColumn, Column: "note", Type: arrow.BinaryTypes.String},
		}})
	case core.OpClose:
		err = s.Close()
	}
	return err
}

func isPanic(t *testing.T, err error, op core.Op, layer string) {
	t.Helper()
	var e *core.Error
	var p *compose.PanicError
	if !errors.As(err, &e) || !errors.As(err, &p) {
		t.Errorf("%s: got %v, want a panic as an error", op, err)
		return
	}
	if e.Op != op || e.Layer != layer || len(p.Stack) == 0 {
		t.Errorf("got %s of %s with a stack of %d bytes, want %s of %s", e.Op, e.Layer, len(p.Stack), op, layer)
	}
	matched := 0
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			matched++
		}
	}
	if matched != 1 || !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("%v matches %d sentinels, want core.ErrIntegrity alone", err, matched)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the value is shown: %v", err)
	}
}

// A panic anywhere in a layer is an error that names it, whatever its place in
// the stack; what lies below gives everything back, and the stack goes on.
func TestPanicsBecomeErrors(t *testing.T) {
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) })
	for _, p := range []core.Phase{core.PhaseObserve, core.PhaseAccess, core.PhaseCache, core.PhaseProbe} {
		for op := core.OpWrite; op <= core.OpClose; op++ {
			for _, stream := range []bool{false, true} {
				if stream && op != core.OpWrite && op != core.OpRead {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/stream=%t", p, op, stream), func(t *testing.T) {
					b := &bomb{op: op, stream: stream, value: "canary"}
					s := rig(t, b, p)
					b.armed = true
					isPanic(t, do(t, s, op), op, "custom")
					b.armed = false
					if op == core.OpClose {
						return
					}
					if err := do(t, s, core.OpRead); err != nil {
						t.Errorf("after the panic: %v", err)
					}
					if info, err := s.Stat(t.Context(), core.StatRequest{Key: storetest.KeyVideo}); err != nil || info.Generation != 2 {
						t.Errorf("a write that panicked left commit %d (%v)", info.Generation, err)
					}
				})
			}
		}
	}
}

// A panic of the loop's body is the caller's: it goes through every layer as
// it is, and what they hold is released.
func TestPanicOfTheLoopGoesOn(t *testing.T) {
	s := rig(t, &bomb{}, core.PhaseCache)
	loops := map[string]func(){
		"read": func() {
			rows, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
			if err != nil {
				t.Error(err)
			}
			for range rows.Batches {
				panic(t)
			}
		},
		"reader": func() {
			rows, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
			if err != nil {
				t.Error(err)
			}
			r := rows.Reader()
			defer r.Release()
			r.Next()
			panic(t)
		},
		"list": func() {
			for range s.List(t.Context(), core.ListRequest{}) {
				panic(t)
			}
		},
		"resolve": func() {
			inc, err := s.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, storetest.KeyCrop)})
			if err != nil {
				t.Error(err)
			}
			inc.New.Batches(func(arrow.RecordBatch, error) bool { panic(t) })
			panic(t) // nothing is new
		},
		"write": func() {
			schema := storetest.VideoSchema()
			_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, storetest.KeyVideo), Rows: core.Rows{
				Schema: schema, Batches: func(func(arrow.RecordBatch, error) bool) { panic(t) },
			}})
			t.Errorf("the source's panic became %v", err)
		},
		"samples": func() {
			_, err := s.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, storetest.KeyVideo), Samples: core.Rows{
				Schema: storetest.VideoSchema(), Batches: func(func(arrow.RecordBatch, error) bool) { panic(t) },
			}})
			t.Errorf("the source's panic became %v", err)
		},
	}
	for name, loop := range loops {
		t.Run(name, func(t2 *testing.T) {
			defer func() {
				if value := recover(); value != any(t) {
					t2.Errorf("recovered %v, want the value itself", value)
				}
			}()
			loop()
		})
	}
}

// A sequence that panics when the consumer has left it cannot tell anybody.
func TestPanicAfterTheLoop(t *testing.T) {
	b := &still{}
	s := build(t, &late{fake: &b.fake})
	for _, err := range s.List(t.Context(), core.ListRequest{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}

type late struct{ *fake }

func (*late) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		yield(core.Info{}, nil)
		panic("cleaning up")
	}
}

func TestPanicsElsewhere(t *testing.T) {
	t.Run("wrap", func(t *testing.T) {
		base := &fake{}
		_, err := compose.New(base, compose.With(layer{core.LayerInfo{Name: "custom", Phase: core.PhaseCache}, func(core.Store) (core.Store, error) { panic("x") }}))
		if err == nil || !strings.Contains(err.Error(), "layer custom: panic with a string") || base.closed != 0 {
			t.Errorf("%v, base closed %d times", err, base.closed)
		}
	})
	t.Run("backend", func(t *testing.T) {
		var none map[string]int
		s := build(t, &broken{fake: &fake{}, do: func() { none["x"] = 1 }})
		_, err := s.Stat(t.Context(), core.StatRequest{Key: "k"})
		isPanic(t, err, core.OpStat, "compose_test")
		if !strings.HasSuffix(err.Error(), "panic: assignment to entry in nil map") {
			t.Errorf("%v lacks the runtime's message", err)
		}
		if c := s.Capabilities(); c != (core.Capabilities{}) {
			t.Errorf("capabilities %+v after a panic", c)
		}
	})
	t.Run("leg", func(t *testing.T) {
		s := build(t, build(t, &broken{fake: &fake{}, do: func() { panic("x") }}, compose.Backend("inner")), compose.With(transparent("a", core.PhaseObserve)))
		_, err := s.Stat(t.Context(), core.StatRequest{Key: "k"})
		isPanic(t, err, core.OpStat, "inner")
	})
}

// broken is a backend that does something on two calls.
type broken struct {
	*fake
	do func()
}

func (b *broken) Stat(context.Context, core.StatRequest) (core.Info, error) {
	b.do()
	return core.Info{}, nil
}

func (b *broken) Capabilities() core.Capabilities {
	b.do()
	return core.Capabilities{Durable: true}
}

// A layer finds out what it stands on as it would without the guard.
func TestGuardIsTransparent(t *testing.T) {
	base := memory.New()
	var below core.Description
	var holds bool
	s := build(t, base, compose.With(layer{core.LayerInfo{Name: "curious", Phase: core.PhaseCache}, func(next core.Store) (core.Store, error) {
		below, holds = core.DescribeStore(next), core.StandsOn(next, base)
		return &pass{next: next}, nil
	}}))
	if below.Backend != "memory" || !holds || !core.StandsOn(s, base) {
		t.Errorf("below is %+v, stands on the base: %t", below, holds)
	}
}
