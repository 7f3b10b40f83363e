package cache

import (
	"hash/maphash"
	"sync"

	"github.com/metaxy-go/metaxy/internal/policy"
)

// shelf is where the entries are. One lock guards it: an entry is found and
// retained under it, so that no eviction comes in between. The lock is held
// for well under a microsecond; sharding it measured slower.
type shelf struct {
	mu      sync.Mutex
	options options
	counts  *counters
	seed    maphash.Seed
	kept    policy.Policy[uint64, *entry] // by the ids of their keys
	index   index
	absent  *absences
	flights map[key]*flight
}

func newShelf(o options, counts *counters) *shelf {
	s := &shelf{
		options: o, counts: counts, seed: maphash.MakeSeed(),
		index: newIndex(), absent: newAbsences(o), flights: map[key]*flight{},
	}
	limits := policy.Limits{Bytes: o.maxBytes - o.absentShare(), Entries: o.maxEntries}
	if o.plainLRU {
		s.kept = policy.NewLRU(limits, s.left)
	} else {
		s.kept = policy.NewTinyLFU(limits, expectedEntries, s.left)
	}
	return s
}

// expectedEntries sizes the use counters: more answers than this share them.
const expectedEntries = 4096

// id hashes a key once, outside of the lock, where the policy would do it again
// for each of its lists. Keys that share an id push each other out.
func (s *shelf) id(k key) uint64 { return maphash.Comparable(s.seed, k) }

// left is called under the lock for every entry that the policy lets go.
func (s *shelf) left(it policy.Item[uint64, *entry], why policy.Reason) {
	s.index.drop(it.Value)
	if why == policy.Size {
		s.counts.evictions.Add(1)
	}
	it.Value.release()
}

// put keeps an entry; the shelf takes over one reference. cost is the time, in
// milliseconds, that it took to read. The lock is held.
func (s *shelf) put(e *entry, cost float64) {
	for range mostSwept {
		old := s.index.oldest()
		if old == nil || !old.expired(s.options.now) {
			break
		}
		s.kept.Remove(old.id)
	}
	s.index.add(e)
	s.kept.Add(policy.Item[uint64, *entry]{Key: e.id, Value: e, Bytes: e.bytes, Cost: max(cost, 0.001)})
}

// mostSwept is how many that are over leave for one that comes: more than one,
// so that they cannot pile up, and few, since the lock is held.
const mostSwept = 8

// find gives an entry that answers q, retained, and the filter terms that are
// still to be applied. Exact answers come first. The lock is held.
func (s *shelf) find(q *question) (found *entry, rest []int, ok bool) {
	if e, ok := s.kept.Get(q.id); ok && e.key == q.key {
		if !e.expired(s.options.now) {
			e.retain()
			return e, nil, true
		}
		s.kept.Remove(q.id)
	}
	for e := range s.index.candidates(q) {
		if e.expired(s.options.now) {
			continue
		}
		if rest, ok := q.derivable(e); ok {
			e.retain() // first: counting the use may let it go
			s.kept.Get(e.id)
			s.counts.derived.Add(1)
			return e, rest, true
		}
	}
	return nil, nil, false
}

// forget drops what was read of a feature as of a commit before this one.
func (s *shelf) forget(of topic, older int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.index.before(of, older) {
		s.kept.Remove(e.id)
	}
}

// purge drops what one store put here, 0 for all stores.
func (s *shelf) purge(store uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []uint64
	s.kept.Each(func(it policy.Item[uint64, *entry]) bool {
		if store == 0 || it.Value.key.store == store {
			gone = append(gone, it.Key)
		}
		return true
	})
	for _, id := range gone {
		s.kept.Remove(id)
	}
	s.absent.purge(store)
}

func (s *shelf) size() (entries int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Len(), s.kept.Bytes() + s.absent.kept.Bytes()
}
