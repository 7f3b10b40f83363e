package policy

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// Every item that comes leaves exactly once or is still there, and the bounds
// hold after each call, whatever the order of calls.
func TestEachItemLeavesOnce(t *testing.T) {
	for _, name := range []string{"lru", "tinylfu"} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			limits := Limits{Bytes: rapid.Int64Range(1, 500).Draw(t, "bytes"), Entries: rapid.IntRange(0, 20).Draw(t, "entries")}
			in, out := map[int]bool{}, map[int]bool{}
			evicted := func(it Item[int, int], _ Reason) {
				if out[it.Value] || !in[it.Value] {
					t.Fatalf("value %d left twice or never came", it.Value)
				}
				out[it.Value] = true
			}
			var p Policy[int, int] = NewLRU(limits, evicted)
			if name == "tinylfu" {
				p = NewTinyLFU(limits, 20, evicted)
			}
			for i := range rapid.IntRange(0, 400).Draw(t, "calls") {
				key := rapid.IntRange(0, 30).Draw(t, "key")
				switch rapid.IntRange(0, 6).Draw(t, "call") {
				case 0, 1, 2:
					in[i] = true
					p.Add(Item[int, int]{Key: key, Value: i, Bytes: rapid.Int64Range(1, 200).Draw(t, "size"), Cost: float64(key)})
				case 3, 4:
					v, ok := p.Peek(key)
					got, hit := p.Get(key)
					if hit && (!ok || v != got || out[got]) {
						t.Fatalf("peek %v %v, get %v %v, already out: %v", v, ok, got, hit, out[got])
					}
				case 5:
					p.Remove(key)
				case 6:
					for range 9000 { // many turns of the climber
						if v, ok := p.Get(key); ok && out[v] {
							t.Fatalf("get gave %d, which is already out", v)
						}
					}
				}
				check(t, p, limits, in, out)
			}
			p.Purge()
			if len(in) != len(out) || p.Len() != 0 || p.Bytes() != 0 {
				t.Fatalf("%d came, %d left, %d items and %d bytes remain", len(in), len(out), p.Len(), p.Bytes())
			}
		}))
	}
}

// The climber of a policy of real size turns each 8,192 uses. It may find that
// there is no room left for an item, but not while it is given.
func TestGetGivesWhatIsHeld(t *testing.T) {
	const bytes, uses = 1000, 60 * 8192
	out := false
	p := NewTinyLFU(Limits{Bytes: bytes}, 4096, func(Item[int, int], Reason) { out = true })
	evictions := 0
	for range uses {
		if _, ok := p.Get(1); ok && out {
			t.Fatal("get gave a value that is already out")
		}
		if out || p.Len() == 0 {
			if out {
				evictions++
			}
			out = false
			p.Add(Item[int, int]{Key: 1, Bytes: 230, Cost: 1})
		}
	}
	if evictions == 0 {
		t.Error("the climber left the item alone: the test shows nothing")
	}
}

// What is larger than everything pushes out nothing, and Oldest is what does
// leave next.
func TestLRUOrder(t *testing.T) {
	var left []int
	p := NewLRU(Limits{Bytes: 3}, func(it Item[int, int], _ Reason) { left = append(left, it.Key) })
	for key := range 3 {
		p.Add(Item[int, int]{Key: key, Bytes: 1})
	}
	p.Get(0)
	p.Add(Item[int, int]{Key: 3, Bytes: 4})
	if old, ok := p.Oldest(); !ok || old.Key != 1 || p.Len() != 3 {
		t.Errorf("the oldest of %d is %d", p.Len(), old.Key)
	}
	p.Add(Item[int, int]{Key: 4, Bytes: 1})
	if want := []int{3, 1}; !slices.Equal(left, want) {
		t.Errorf("%v left, want %v", left, want)
	}
}

func check(t *rapid.T, p Policy[int, int], limits Limits, in, out map[int]bool) {
	var bytes int64
	held := 0
	p.Each(func(it Item[int, int]) bool {
		bytes += it.Bytes
		held++
		return true
	})
	if bytes != p.Bytes() || held != p.Len() || held != len(in)-len(out) {
		t.Fatalf("holds %d items of %d bytes, says %d of %d; %d came and %d left", held, bytes, p.Len(), p.Bytes(), len(in), len(out))
	}
	if bytes > limits.Bytes || limits.Entries > 0 && held > limits.Entries {
		t.Fatalf("%d bytes and %d items exceed %+v", bytes, held, limits)
	}
}

// saved replays a trace and gives the share of loading time that hits saved.
func saved(p Policy[int, int], trace []Item[int, int]) float64 {
	var all, hit float64
	for _, it := range trace {
		all += it.Cost
		if _, ok := p.Get(it.Key); ok {
			hit += it.Cost
			continue
		}
		p.Add(it)
	}
	return hit / all
}

func ignore(Item[int, int], Reason) {}

// A mix of sizes under a Zipf law: loading costs 5 ms and 5 ns a byte.
func mixedSizes(objects, uses int) (trace []Item[int, int], total int64) {
	r := rand.New(rand.NewPCG(1, 2))
	items := make([]Item[int, int], objects)
	for i := range items {
		size := int64(math.Exp(r.NormFloat64()*1.5+13)) + 1
		items[i] = Item[int, int]{Key: i, Bytes: size, Cost: 5 + float64(size)/200e3}
		total += size
	}
	draw := zipf(r, 0.8, objects)
	for range uses {
		trace = append(trace, items[draw()])
	}
	return trace, total
}

func zipf(r *rand.Rand, s float64, n int) func() int {
	sums := make([]float64, n)
	var sum float64
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	return func() int { return sort.SearchFloat64s(sums, r.Float64()*sum) }
}

// The adaptive policy exists to save more loading time than LRU on mixed
// sizes, without losing much where LRU is at its best: a hot set that drifts.
func TestSavesMoreThanLRU(t *testing.T) {
	trace, total := mixedSizes(2000, 100_000)
	for _, percent := range []int64{2, 10, 25} {
		limits := Limits{Bytes: total * percent / 100}
		lru := saved(NewLRU(limits, ignore), trace)
		own := saved(NewTinyLFU(limits, 4096, ignore), trace)
		t.Logf("mixed sizes, capacity %2d%%: lru %.1f%%, tinylfu %.1f%% of loading time saved", percent, 100*lru, 100*own)
		if own < lru+0.05 {
			t.Errorf("capacity %d%%: tinylfu saves %.3f, lru %.3f", percent, own, lru)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	draw := zipf(r, 0.9, 20_000)
	drift := make([]Item[int, int], 1_000_000)
	for i := range drift {
		drift[i] = Item[int, int]{Key: i/10 + draw(), Bytes: 1, Cost: 1}
	}
	for _, capacity := range []int{1000, 10_000} {
		limits := Limits{Bytes: int64(capacity)}
		lru, own := saved(NewLRU(limits, ignore), drift), saved(NewTinyLFU(limits, 4096, ignore), drift)
		t.Logf("drifting hot set, capacity %d: lru %.1f%%, tinylfu %.1f%%", capacity, 100*lru, 100*own)
		if own < lru-0.10 {
			t.Errorf("capacity %d: tinylfu hits %.3f, lru %.3f", capacity, own, lru)
		}
	}
}
