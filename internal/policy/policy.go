// Package policy decides what a cache keeps when it is full.
//
// A policy owns no lock and no value: it calls Evicted exactly once for each
// item that leaves, whatever the reason, so that the owner can release what
// the item holds. Two are here: plain LRU, and an adaptive, cost-aware
// W-TinyLFU. Both are bounded by bytes and by a number of items.
package policy

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Item is a cached value with what it takes and what it saves.
type Item[K comparable, V any] struct {
	Key   K
	Value V
	Bytes int64   // at least 1
	Cost  float64 // milliseconds that loading it took
}

// Limits bound a policy. Entries 0 means no bound on their number.
type Limits struct {
	Bytes   int64
	Entries int
}

// Reason is why an item left.
type Reason uint8

// The reasons.
const (
	Size     Reason = iota // to make room, or refused for lack of worth
	Replaced               // another value came under its key
	Removed                // the owner asked for it
)

// Policy keeps items. It is not safe for concurrent use.
type Policy[K comparable, V any] interface {
	// Get counts a use of the key and gives its value. It may evict items, but
	// not the one that it gives.
	Get(key K) (V, bool)
	// Peek gives the value without counting a use.
	Peek(key K) (V, bool)
	// Add takes the item, which may itself be evicted before Add returns.
	Add(item Item[K, V])
	// Remove evicts a key.
	Remove(key K) bool
	// Each calls f for every item until it returns false.
	Each(f func(Item[K, V]) bool)
	// Purge evicts everything.
	Purge()
	// Len and Bytes tell what is held.
	Len() int
	Bytes() int64
}

// segment is an LRU list that knows its bytes. It never evicts by itself: the
// list's own limit and callback are unused, since Add on an existing key would
// replace the value without calling back.
type segment[K comparable, V any] struct {
	list  *simplelru.LRU[K, Item[K, V]]
	bytes int64
}

func newSegment[K comparable, V any]() *segment[K, V] {
	list, err := simplelru.NewLRU[K, Item[K, V]](math.MaxInt32, nil)
	if err != nil { // a size below one, which MaxInt32 is not
		return nil
	}
	return &segment[K, V]{list: list}
}

// push adds an item that the segment does not hold, as the most recent one.
func (s *segment[K, V]) push(it Item[K, V]) {
	s.list.Add(it.Key, it)
	s.bytes += it.Bytes
}

// use makes the key the most recent one.
func (s *segment[K, V]) use(key K) (Item[K, V], bool) { return s.list.Get(key) }

func (s *segment[K, V]) peek(key K) (Item[K, V], bool) { return s.list.Peek(key) }

func (s *segment[K, V]) oldest() (Item[K, V], bool) {
	_, it, ok := s.list.GetOldest()
	return it, ok
}

func (s *segment[K, V]) take(key K) (Item[K, V], bool) {
	it, ok := s.list.Peek(key)
	if ok {
		s.list.Remove(key)
		s.bytes -= it.Bytes
	}
	return it, ok
}

// pop removes the least recent item.
func (s *segment[K, V]) pop() (Item[K, V], bool) {
	_, it, ok := s.list.RemoveOldest()
	if ok {
		s.bytes -= it.Bytes
	}
	return it, ok
}

func (s *segment[K, V]) len() int { return s.list.Len() }

func (s *segment[K, V]) each(f func(Item[K, V]) bool) bool {
	for _, key := range s.list.Keys() {
		if it, ok := s.list.Peek(key); ok && !f(it) {
			return false
		}
	}
	return true
}
