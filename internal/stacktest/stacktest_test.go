// Package stacktest composes random legal stacks of all layers and checks that
// each answers as the bare store does. It has tests alone.
package stacktest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stacks is how many random stacks are tried: 5,000, a tenth of it with -short
// and with the race detector, which is about ten times slower.
func stacks() int {
	if testing.Short() || raceEnabled {
		return 500
	}
	return 5000
}

// steps is how many calls each stack answers at most.
const steps = 8

// TestRandomStacks composes random legal stacks over memory and makes the same
// random calls on each and on a bare store. Stack number n is the same in
// every run.
func TestRandomStacks(t *testing.T) {
	var next, calls atomic.Int64
	layers := map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	script, ring := storetest.Steps(steps), newRing(t)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(stacks()) && !t.Failed(); n = next.Add(1) - 1 {
				s := one(t, int(n), ring, script.Example(int(n)))
				calls.Add(int64(s.calls))
				mu.Lock()
				for _, name := range s.layers {
					layers[name]++
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("%d stacks, %d calls, layers %v", stacks(), calls.Load(), layers)
	for _, name := range names() {
		if layers[name] < stacks()/20 {
			t.Errorf("layer %s is in %d of %d stacks", name, layers[name], stacks())
		}
	}
}

// tried is what one stack was.
type tried struct {
	layers []string
	calls  int
}

// one builds stack number n, compares, closes everything, and counts Arrow
// memory.
func one(t *testing.T, n int, ring *keys.Ring, script []storetest.Step) tried {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	g := &generator{rng: rand.New(rand.NewPCG(uint64(n), 1)), mem: mem, t: t, ring: ring}
	defer g.close()
	bare, base := g.memory(), g.memory()
	opts := []compose.Option{compose.Named(fmt.Sprint("stack ", n))}
	var out tried
	layers := g.layers()
	opts = append(opts, accepts(layers)...)
	for _, l := range layers {
		opts = append(opts, compose.With(l))
		out.layers = append(out.layers, l.Info().Name)
	}
	g.rng.Shuffle(len(opts), func(i, j int) { opts[i], opts[j] = opts[j], opts[i] })
	stack, err := compose.New(base, opts...)
	if err != nil {
		t.Errorf("stack %d is not legal: %v", n, err)
		return out
	}
	for i := range script {
		if g.others && script[i].Op == core.OpList {
			script[i].Prefix = "video/" // a leg has other features to list
		}
	}
	out.calls = len(script)
	if at, d := storetest.DifferentialIn(g.ctx(), t, mem, bare, stack, script); at >= 0 {
		t.Errorf("call %d through this stack and without it: %s\n%s\n%#v", at, d, stack, script[:at+1])
	}
	if err := stack.Close(); err != nil {
		t.Errorf("stack %d: close: %v", n, err)
	}
	g.close()
	if bytes := mem.CurrentAlloc(); bytes != 0 {
		t.Errorf("%d bytes of Arrow memory are left of this stack\n%s\n%#v", bytes, stack, script)
	}
	return out
}

// closer ends what a generator made.
func (g *generator) close() {
	for _, s := range g.made {
		if err := s.Close(); err != nil {
			g.t.Error(err)
		}
	}
	g.made = nil
}

func (g *generator) memory() core.Store {
	s := memory.New(memory.Allocator(g.mem))
	g.made = append(g.made, s)
	return s
}
