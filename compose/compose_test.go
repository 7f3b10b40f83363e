package compose_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOptionsCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		phases := rapid.SliceOfNDistinct(rapid.SampledFrom([]core.Phase{
			core.PhaseObserve, core.PhaseFallback, core.PhaseCatalog, core.PhaseEvolve, core.PhaseCache, core.PhaseResilience, core.PhaseProbe,
		}), 0, 7, rapid.ID[core.Phase]).Draw(t, "phases")
		opts := []compose.Option{compose.Named("dev"), compose.Backend("box"), compose.With(enforcing("rbac", core.PhaseAccess)), nil}
		for i, p := range phases {
			opts = append(opts, compose.With(transparent(fmt.Sprintf("l%d", i), p)))
		}
		base := &fake{}
		first, err := compose.New(base, opts...)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := append([]compose.Option{}, opts...)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		second, err := compose.New(base, shuffled...)
		if err != nil {
			t.Fatal(err)
		}
		if first.String() != second.String() {
			t.Fatalf("the order of options matters:\n%s\n%s", first, second)
		}
		last := core.Phase(0)
		for _, l := range first.Layers() {
			if l.Phase < last {
				t.Fatalf("out of order:\n%s", first)
			}
			last = l.Phase
		}
	})
}

func TestLayersOfOnePhaseKeepTheirOrder(t *testing.T) {
	s := build(t, &fake{}, compose.With(transparent("b", core.PhaseObserve)), compose.With(transparent("z", core.PhaseCache), transparent("a", core.PhaseObserve)))
	var names []string
	for _, l := range s.Layers() {
		names = append(names, l.Name)
	}
	if got := strings.Join(names, " "); got != "b a z" {
		t.Error(got)
	}
}

// Every operation reaches the base once, through every layer, with the request
// as it was.
func TestEveryOperationPassesThrough(t *testing.T) {
	base := &fake{}
	s := build(t, base, compose.With(transparent("a", core.PhaseObserve), enforcing("b", core.PhaseAccess)))
	ctx := t.Context()
	_, _ = s.Write(ctx, core.WriteRequest{ID: "w"})
	_, _ = s.Read(ctx, core.ReadRequest{Key: "r"})
	_, _ = s.Resolve(ctx, core.ResolveRequest{Columns: []string{"c"}})
	for range s.List(ctx, core.ListRequest{Prefix: "l"}) {
		break
	}
	_, _ = s.Stat(ctx, core.StatRequest{Key: "s"})
	_, _ = s.Evolve(ctx, core.EvolveRequest{Key: "e"})
	if !s.Capabilities().Durable {
		t.Error("capabilities are not those of the base")
	}
	if got, want := strings.Join(base.seen, " "), "write:w read:r resolve:[c] list:l stat:s evolve:e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCloseFromTheOutsideIn(t *testing.T) {
	var order []string
	base := &fake{name: "base", order: &order, closeErr: errors.New("base broke")}
	s := build(t, base, compose.With(
		closing("cache", core.PhaseCache, &order, nil), closing("log", core.PhaseObserve, &order, errors.New("log broke"))))
	err := s.Close()
	if got := strings.Join(order, " "); got != "log cache base" {
		t.Errorf("closed in the order %s", got)
	}
	if err == nil || !strings.Contains(err.Error(), "log broke") || !strings.Contains(err.Error(), "base broke") {
		t.Errorf("errors are not joined: %v", err)
	}
	if again := s.Close(); !errors.Is(again, err) || len(order) != 3 {
		t.Errorf("the second Close: %v, closed %v", again, order)
	}
	for op, err := range everyOp(s) {
		var e *core.Error
		if !errors.Is(err, core.ErrClosed) || !errors.As(err, &e) || e.Op != op {
			t.Errorf("%s after Close: %v", op, err)
		}
	}
}

func TestKeepBaseOpen(t *testing.T) {
	base := &fake{}
	s := build(t, base, compose.KeepBaseOpen())
	if err := s.Close(); err != nil || base.closed != 0 {
		t.Errorf("%v, base closed %d times", err, base.closed)
	}
	if _, err := s.Stat(t.Context(), core.StatRequest{}); !errors.Is(err, core.ErrClosed) {
		t.Errorf("a stack without layers after Close: %v", err)
	}
}

// A layer that hands back the store below must not lead to a second Close.
func TestNoOpLayer(t *testing.T) {
	base := &fake{}
	s := build(t, base, compose.With(layer{core.LayerInfo{Name: "off", Phase: core.PhaseObserve}, func(n core.Store) (core.Store, error) { return n, nil }}))
	if err := s.Close(); err != nil || base.closed != 1 {
		t.Errorf("%v, base closed %d times", err, base.closed)
	}
}

func TestFailureLeavesTheBaseAlone(t *testing.T) {
	var order []string
	base := &fake{name: "base", order: &order}
	broken := errors.New("no such policy")
	_, err := compose.New(base, compose.With(
		closing("log", core.PhaseObserve, &order, nil), closing("cache", core.PhaseCache, &order, nil),
		layer{core.LayerInfo{Name: "rbac", Phase: core.PhaseAccess}, func(core.Store) (core.Store, error) { return nil, broken }}))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "layer rbac") {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(order, " "); got != "log cache" {
		t.Errorf("closed %q, want the layers alone, from the outside in", got)
	}
}

func TestNilBase(t *testing.T) {
	var typed *fake
	for _, base := range []core.Store{nil, typed} {
		if _, err := compose.New(base); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%T: %v", base, err)
		}
	}
}

func build(t testing.TB, base core.Store, opts ...compose.Option) *compose.Stack {
	t.Helper()
	s, err := compose.New(base, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everyOp calls each operation and gives its error.
func everyOp(s core.Store) iter.Seq2[core.Op, error] {
	return func(yield func(core.Op, error) bool) {
		ctx := context.Background()
		_, write := s.Write(ctx, core.WriteRequest{})
		_, read := s.Read(ctx, core.ReadRequest{})
		_, resolve := s.Resolve(ctx, core.ResolveRequest{})
		var list error
		for _, err := range s.List(ctx, core.ListRequest{}) {
			list = err
		}
		_, stat := s.Stat(ctx, core.StatRequest{})
		_, evolve := s.Evolve(ctx, core.EvolveRequest{})
		errs := map[core.Op]error{
			core.OpWrite: write, core.OpRead: read, core.OpResolve: resolve, core.OpList: list, core.OpStat: stat, core.OpEvolve: evolve,
		}
		for op := range core.Ops() {
			if !yield(op, errs[op]) {
				return
			}
		}
	}
}
