package cache_test

import (
	"errors"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/storetest"
)

// The policy moves its window each 8,192 uses, and in time finds no room for an
// answer of just under a quarter of the budget. The read that makes it move
// still gives every row, be it the answer itself or what is derived from it.
func TestHitsThatMoveTheWindow(t *testing.T) {
	const rows, turns = 400, 15
	whole := core.ReadRequest{Key: storetest.KeyVideo}
	for name, hit := range map[string]core.ReadRequest{
		"exact":   whole,
		"derived": {Key: storetest.KeyVideo, Columns: []string{"size", "sample_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
			bare := memory.New(memory.Allocator(mem))
			videos(t, bare, 0, rows)
			count := func(s core.Store, req core.ReadRequest) {
				got, err := s.Read(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for b, err := range got.All() {
					if err != nil || b.NumCols() != int64(got.Schema.NumFields()) {
						t.Fatalf("a batch of %d columns, want %d (%v)", b.NumCols(), got.Schema.NumFields(), err)
					}
					n += b.Column(0).Len()
				}
				if n != rows {
					t.Fatalf("%d rows, want %d", n, rows)
				}
			}
			open := func(opts ...cache.Option) (*cache.Cache, core.Store) {
				c := cache.New(opts...)
				s, err := c.Wrap(bare)
				if err != nil {
					t.Fatal(err)
				}
				return c, s
			}
			probe, s := open()
			count(s, whole)
			bytes := probe.Stats().Bytes
			handle, store := open(cache.MissingTTL(0), cache.MaxBytes(bytes*100/23))
			for handle.Stats().Hits < turns*8192 {
				if handle.Stats().Entries == 0 {
					count(store, whole)
				}
				count(store, hit)
			}
			if handle.Stats().Evictions == 0 {
				t.Error("nothing was evicted: the test shows nothing")
			}
			if err := errors.Join(s.Close(), store.Close(), bare.Close()); err != nil {
				t.Error(err)
			}
			mem.AssertSize(t, 0)
		})
	}
}
