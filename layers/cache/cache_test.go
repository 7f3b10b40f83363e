package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rig struct {
	bare  core.Store
	tap   *storetest.TapLayer   // sees what reaches the store below
	fault *storetest.FaultLayer // may break it
	store core.Store
	cache *cache.Cache
}

func newRig(t testing.TB, opts ...cache.Option) *rig {
	t.Helper()
	r := &rig{bare: memory.New(), cache: cache.New(opts...), tap: storetest.Tap(), fault: storetest.Fault()}
	r.store = r.bare
	for _, l := range []core.Layer{r.fault, r.tap, r.cache} {
		var err error
		if r.store, err = l.Wrap(r.store); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(r.store.Close(), r.bare.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// reads counts the reads that reached the store below.
func (r *rig) reads() int64 { return int64(len(r.tap.Calls(core.OpRead))) }

// hold makes every read wait until the gate that it gives is closed, and then
// follow the rules.
func (r *rig) hold(then ...storetest.Rule) chan struct{} {
	gate := make(chan struct{})
	r.fault.Sleeper(func(context.Context, time.Duration) error { <-gate; return nil })
	r.fault.Set(append(then, storetest.Latency(core.OpRead, 1))...)
	return gate
}

// videos writes rows [from, to) of video/raw.
func videos(t testing.TB, s core.Store, from, to int) {
	t.Helper()
	plan, err := storetest.Graph().Plan(storetest.KeyVideo)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for i := from; i < to; i++ {
		rows = append(rows, []any{
			fmt.Sprintf("v%04d", i), fmt.Sprintf("path/%d", i), int64(i), float64(i) / 2, i%2 == 0,
			time.UnixMicro(int64(i)),
			[]any{fmt.Sprintf("f%d", i), fmt.Sprintf("a%d", i)},
		})
	}
	if _, err := s.Write(t.Context(), core.WriteRequest{
		Plan: plan, Rows: storetest.RowsIn(t, arrowmem.DefaultAllocator, 100, storetest.VideoSchema(), rows...),
	}); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s core.Store, req core.ReadRequest) []string {
	t.Helper()
	req.Key = storetest.KeyVideo
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := storetest.Lines(rows)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func (r *rig) same(t testing.TB, req core.ReadRequest, wantReads int64) {
	t.Helper()
	before := r.reads()
	got := read(t, r.store, req)
	reads := r.reads() - before
	if diff := storetest.Diff(read(t, r.bare, req), got); diff != "" {
		t.Errorf("the cached answer differs:\n%s", diff)
	}
	if reads != wantReads {
		t.Errorf("%d reads below, want %d (%+v)", reads, wantReads, r.cache.Stats())
	}
}

// An answer is read once, and narrower requests are answered from it.
func TestNarrowerRequestsAreDerived(t *testing.T) {
	r := newRig(t)
	videos(t, r.store, 0, 250)
	where := func(text string) expr.Expr {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	r.same(t, core.ReadRequest{Filter: where("size >= 100")}, 1)
	r.same(t, core.ReadRequest{Filter: where("size >= 100")}, 0)
	r.same(t, core.ReadRequest{Filter: where("size >= 100"), Columns: []string{"size", "sample_id"}}, 0)
	r.same(t, core.ReadRequest{Filter: where("ok AND size >= 100"), Columns: []string{"sample_id"}}, 0)
	r.same(t, core.ReadRequest{Filter: where("data_version.frames = 'f120' AND size >= 100")}, 0)
	r.same(t, core.ReadRequest{Filter: where("size >= 99")}, 1) // wider: not derivable
	r.same(t, core.ReadRequest{Columns: []string{"size"}, Filter: where("size >= 100 AND metaxy_commit = 1")}, 1)
	if s := r.cache.Stats(); s.Derived != 3 || s.Misses != 3 || s.Hits != 4 {
		t.Errorf("stats %+v", s)
	}
}

// Own writes and those of others are seen at the next read, and the past stays.
func TestCommitsAreSeen(t *testing.T) {
	r := newRig(t)
	videos(t, r.store, 0, 100)
	r.same(t, core.ReadRequest{}, 1)
	videos(t, r.store, 50, 150)
	r.same(t, core.ReadRequest{}, 1)
	videos(t, r.bare, 0, 10) // another process
	r.same(t, core.ReadRequest{}, 1)
	r.same(t, core.ReadRequest{AsOf: core.AtCommit(3)}, 0)
	r.same(t, core.ReadRequest{AsOf: core.AtCommit(1)}, 1)
	r.same(t, core.ReadRequest{History: true}, 1)
	if _, err := r.store.Evolve(t.Context(), core.EvolveRequest{
		Key: storetest.KeyVideo, Base: 1,
		Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: "path", To: "file"}},
	}); err != nil {
		t.Fatal(err)
	}
	r.same(t, core.ReadRequest{}, 1)
	r.same(t, core.ReadRequest{}, 0)
}

// With Validate the generation is trusted for a while; own writes still show.
func TestValidateTrustsForAWhile(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRig(t, cache.Validate(time.Minute), cache.Clock(func() time.Time { return now }))
	videos(t, r.store, 0, 10)
	if n := len(read(t, r.store, core.ReadRequest{})); n != 10 {
		t.Fatalf("%d rows", n)
	}
	videos(t, r.bare, 10, 20)
	if n := len(read(t, r.store, core.ReadRequest{})); n != 10 {
		t.Errorf("%d rows, want the trusted 10", n)
	}
	now = now.Add(time.Minute)
	if n := len(read(t, r.store, core.ReadRequest{})); n != 20 {
		t.Errorf("%d rows, want 20 after the trust ended", n)
	}
	videos(t, r.store, 20, 30)
	if n := len(read(t, r.store, core.ReadRequest{})); n != 30 {
		t.Errorf("%d rows, want 30 after an own write", n)
	}
}

// A missing feature is believed to be missing until it is written here, or the time is over.
func TestMissingFeature(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRig(t, cache.MissingTTL(time.Second), cache.Clock(func() time.Time { return now }))
	missing := func(want bool) {
		t.Helper()
		_, err := r.store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
		if errors.Is(err, core.ErrFeatureNotFound) != want {
			t.Errorf("missing: %v, want %v", err, want)
		}
	}
	missing(true)
	missing(true)
	if s := r.cache.Stats(); s.Missing != 1 {
		t.Errorf("stats %+v, want one answer from memory", s)
	}
	videos(t, r.bare, 0, 1)
	missing(true)
	now = now.Add(time.Second)
	missing(false)
	r = newRig(t)
	missing(true)
	videos(t, r.store, 0, 1)
	missing(false)
}

func TestTTLAndPurge(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRig(t, cache.TTL(time.Second), cache.Clock(func() time.Time { return now }))
	videos(t, r.store, 0, 10)
	r.same(t, core.ReadRequest{}, 1)
	r.same(t, core.ReadRequest{}, 0)
	now = now.Add(time.Second)
	r.same(t, core.ReadRequest{}, 1)
	r.cache.Purge()
	if s := r.cache.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("after Purge: %+v", s)
	}
	r.same(t, core.ReadRequest{}, 1)
}

// What exceeds an item's limit streams through, whole, and is not kept.
func TestLargeAnswersStreamThrough(t *testing.T) {
	r := newRig(t, cache.MaxBytes(16<<10))
	videos(t, r.store, 0, 1000)
	r.same(t, core.ReadRequest{}, 1)
	r.same(t, core.ReadRequest{}, 1)
	r.same(t, core.ReadRequest{Filter: expr.Col("size").Lt(5)}, 1)
	r.same(t, core.ReadRequest{Filter: expr.Col("size").Lt(5)}, 0)
	if s := r.cache.Stats(); s.TooLarge != 2 || s.Entries != 1 {
		t.Errorf("stats %+v", s)
	}
}

// A hundred readers that miss the same answer at once read it once.
func TestConcurrentMissesReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		videos(t, r.store, 0, 500)
		gate := r.hold()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if n := len(read(t, r.store, core.ReadRequest{})); n != 500 {
					t.Errorf("%d rows", n)
				}
			})
		}
		synctest.Wait() // all are in their loops
		close(gate)
		wg.Wait()
		if n := r.reads(); n != 1 {
			t.Errorf("%d reads below, want 1", n)
		}
		if s := r.cache.Stats(); s.Shared != 99 || s.Misses != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

// When the leader's read breaks, those who wait read for themselves, and when
// a waiter's context ends it leaves.
func TestLeaderBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		videos(t, r.store, 0, 500)
		gate := r.hold(storetest.MidStream(core.OpRead, 0, 1, core.ErrUnavailable))
		var failed, cancelled atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				c := t.Context()
				if i >= 5 {
					c = ctx
				}
				rows, err := r.store.Read(c, core.ReadRequest{Key: storetest.KeyVideo})
				if err != nil {
					t.Error(err)
					return
				}
				_, err = rows.Count()
				switch {
				case errors.Is(err, core.ErrUnavailable):
					failed.Add(1)
				case errors.Is(err, context.Canceled):
					cancelled.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		wg.Wait()
		if failed.Load()+cancelled.Load() != 10 || cancelled.Load() < 4 {
			t.Errorf("%d failed, %d cancelled", failed.Load(), cancelled.Load())
		}
		if s := r.cache.Stats(); s.Entries != 0 {
			t.Errorf("a broken read was kept: %+v", s)
		}
	})
}

// Under load and eviction every batch is valid while it is used, and all Arrow
// memory is given back in the end.
func TestNoLeakUnderLoad(t *testing.T) {
	for _, opts := range [][]cache.Option{
		{cache.MaxBytes(64 << 10)},
		{cache.MaxBytes(64 << 10), cache.LRU(), cache.MaxEntries(3)},
	} {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		bare := memory.New(memory.Allocator(mem))
		handle := cache.New(opts...)
		store, err := handle.Wrap(bare)
		if err != nil {
			t.Fatal(err)
		}
		videos(t, store, 0, 400)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 150 {
					low := (i*7 + g*31) % 300
					req := core.ReadRequest{Key: storetest.KeyVideo, Filter: expr.Col("size").Between(low, low+20)}
					rows, err := store.Read(t.Context(), req)
					if err != nil {
						t.Error(err)
						return
					}
					lines, err := storetest.Lines(rows)
					if err != nil || len(lines) != 21 {
						t.Errorf("%d rows, %v", len(lines), err)
					}
					if i%50 == 49 {
						handle.Purge()
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(store.Close(), bare.Close()); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	_, err := cache.New(cache.MaxBytes(0), cache.TTL(0), cache.MaxEntries(-1), cache.Validate(-1)).Wrap(memory.New())
	if !errors.Is(err, core.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"max bytes is 0", "ttl is 0s", "max entries is -1", "negative duration"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if _, err := cache.New().Wrap(nil); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("nil store: %v", err)
	}
}

// A hit allocates a fixed number of small objects, whatever the rows.
func TestHitAllocations(t *testing.T) {
	perHit := func(rows int) float64 {
		r := newRig(t)
		videos(t, r.store, 0, rows)
		r.same(t, core.ReadRequest{}, 1)
		return testing.AllocsPerRun(100, func() {
			got, err := r.store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := got.Count(); err != nil || n != int64(rows) {
				t.Fatal(n, err)
			}
		})
	}
	few, many := perHit(100), perHit(5000)
	t.Logf("%.0f allocations for 100 rows, %.0f for 5,000", few, many)
	if many > few+2 {
		t.Errorf("allocations grow with the rows: %.0f, then %.0f", few, many)
	}
}

func ExampleNew() {
	hits := cache.New(cache.MaxBytes(64<<20), cache.Validate(time.Second))
	store, err := hits.Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	fmt.Println(hits.Info().Name, "-", hits.Info().Summary)
	fmt.Println(hits.Stats().Hits, "hits")
	// Output:
	// cache - 64 MiB, w-tinylfu, validated every 1s
	// 0 hits
}
