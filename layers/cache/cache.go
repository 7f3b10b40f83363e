// Package cache is a layer that keeps what was read.
//
// An answer is kept under the feature, the last commit it was read at, the
// columns and the filter, so a new commit makes it unreachable rather than
// wrong: nothing has to be invalidated. A narrower request (fewer columns, a
// stricter filter) is answered from a wider answer in memory. Concurrent
// misses of one answer read once. A broken cache is a miss, never an error.
//
// By default each read asks the store below for the feature's generation
// ([core.Store.Stat]), so commits of other processes are seen at once;
// Validate trades that for fewer calls. Own writes are always seen at once. A
// feature that was missing is believed to be missing for a short time
// (MissingTTL) unless this layer writes it.
//
// The layer keeps what lies below it: under a crypto layer that is ciphertext.
package cache

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

const name = "cache"

// Defaults of the options.
const (
	DefaultMaxBytes   = 256 << 20
	DefaultMissingTTL = 500 * time.Millisecond
)

// Cache is the handle of the layer: it makes the layer and tells how it does.
// It may wrap several stores, which then share its budget and nothing else.
type Cache struct {
	options options
	shelf   *shelf
	stores  atomic.Uint64
	counts  counters
}

var _ core.Layer = (*Cache)(nil)

// New makes a cache. Wrong options are reported by Wrap, all at once.
func New(opts ...Option) *Cache {
	c := &Cache{options: defaults()}
	for _, o := range opts {
		if o != nil {
			o(&c.options)
		}
	}
	c.shelf = newShelf(c.options, &c.counts)
	return c
}

// Info describes the layer.
func (c *Cache) Info() core.LayerInfo {
	info := core.LayerInfo{Name: name, Phase: core.PhaseCache, Summary: c.options.summary()}
	if c.options.plaintext {
		// Its phase no longer says that it keeps rows.
		info.Phase, info.Copies = core.PhaseEvolve, true
	}
	return info
}

// Wrap makes the store. Options that make no sense match core.ErrInvalid.
func (c *Cache) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%w: cache: there is no store to wrap", core.ErrInvalid)
	}
	if err := c.options.check(); err != nil {
		return nil, err
	}
	return &store{next: next, cache: c, id: c.stores.Add(1), caps: next.Capabilities()}, nil
}

// Purge drops everything that is kept.
func (c *Cache) Purge() { c.shelf.purge(0) }

// Stats tells how the cache does.
func (c *Cache) Stats() Stats {
	s := c.counts.snapshot()
	s.Entries, s.Bytes = c.shelf.size()
	return s
}

// Stats counts what a cache did since it was made.
type Stats struct {
	Hits      int64 `json:"hits"`      // reads answered from memory, in all three ways
	Derived   int64 `json:"derived"`   // of these, from a wider answer
	Missing   int64 `json:"missing"`   // of these, that a feature is not there
	Misses    int64 `json:"misses"`    // reads that went below
	Shared    int64 `json:"shared"`    // reads answered by another's miss
	TooLarge  int64 `json:"too_large"` // misses that were passed through, not kept
	Evictions int64 `json:"evictions"` // answers dropped to make room or found not worth it
	Entries   int   `json:"entries"`   // answers with rows that are kept now
	Bytes     int64 `json:"bytes"`     // what everything kept takes
}

// HitRate is the share of reads that did not go below, between 0 and 1.
func (s Stats) HitRate() float64 {
	all := s.Hits + s.Shared + s.Misses
	if all == 0 {
		return 0
	}
	return float64(s.Hits+s.Shared) / float64(all)
}

type counters struct {
	hits, derived, missing, misses, shared, tooLarge, evictions atomic.Int64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Hits: c.hits.Load(), Derived: c.derived.Load(), Missing: c.missing.Load(), Misses: c.misses.Load(),
		Shared: c.shared.Load(), TooLarge: c.tooLarge.Load(), Evictions: c.evictions.Load(),
	}
}
