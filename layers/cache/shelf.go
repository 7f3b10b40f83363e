package cache

import (
	"slices"
	"sync"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/internal/policy"
)

// shelf is where the entries are. One lock guards it: an entry is found and
// retained under it, so that no eviction comes in between. The lock is held
// for well under a microsecond; sharding it measured slower.
type shelf struct {
	mu      sync.Mutex
	options options
	counts  *counters
	kept    policy.Policy[key, *entry]
	moments map[moment][]*entry // what a request can be derived from
	flights map[key]*flight
}

func newShelf(o options, counts *counters) *shelf {
	s := &shelf{options: o, counts: counts, moments: map[moment][]*entry{}, flights: map[key]*flight{}}
	limits := policy.Limits{Bytes: o.maxBytes, Entries: o.maxEntries}
	if o.plainLRU {
		s.kept = policy.NewLRU(limits, s.left)
	} else {
		s.kept = policy.NewTinyLFU(limits, expectedEntries, s.left)
	}
	return s
}

// expectedEntries sizes the use counters: more answers than this share them.
const expectedEntries = 4096

// left is called under the lock for every entry that the policy lets go.
func (s *shelf) left(it policy.Item[key, *entry], why policy.Reason) {
	e := it.Value
	s.moments[e.key.moment] = slices.DeleteFunc(s.moments[e.key.moment], func(x *entry) bool { return x == e })
	if len(s.moments[e.key.moment]) == 0 {
		delete(s.moments, e.key.moment)
	}
	if why == policy.Size {
		s.counts.evictions.Add(1)
	}
	e.release()
}

// put keeps an entry; the shelf takes over one reference. cost is the time, in
// milliseconds, that it took to read.
func (s *shelf) put(e *entry, cost float64) {
	s.moments[e.key.moment] = append(s.moments[e.key.moment], e)
	s.kept.Add(policy.Item[key, *entry]{Key: e.key, Value: e, Bytes: e.bytes, Cost: max(cost, 0.001)})
}

// find gives an entry that answers q, retained, and the filter terms that are
// still to be applied. Exact answers come first. The lock is held.
func (s *shelf) find(q *question) (found *entry, rest []int, ok bool) {
	if e, ok := s.kept.Get(q.key); ok {
		if e.expired(s.options.now) {
			s.kept.Remove(q.key)
		} else {
			e.retain()
			return e, nil, true
		}
	}
	for _, e := range s.moments[q.moment] {
		if e.expired(s.options.now) {
			continue
		}
		if rest, ok := q.derivable(e); ok {
			e.retain() // first: counting the use may let it go
			s.kept.Get(e.key)
			s.counts.derived.Add(1)
			return e, rest, true
		}
	}
	return nil, nil, false
}

// missing reports whether the feature is believed to be missing.
func (s *shelf) missing(k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.kept.Peek(k)
	if ok && e.expired(s.options.now) {
		s.kept.Remove(k)
		return false
	}
	return ok
}

// putMissing remembers that a feature is not there.
func (s *shelf) putMissing(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entry{key: k, bytes: entryOverhead, expires: deadline(s.options.now(), s.options.missing)}
	e.refs.Store(1)
	s.put(e, 1)
}

// forget drops what a commit makes useless: that the feature is missing, and,
// when older is positive, what was read as of the present before that commit.
func (s *shelf) forget(store uint64, feature core.FeatureKey, older int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []key
	for m, entries := range s.moments {
		if m.store == store && m.feature == feature && (m.notPresent || m.seq < older) {
			for _, e := range entries {
				gone = append(gone, e.key)
			}
		}
	}
	for _, k := range gone {
		s.kept.Remove(k)
	}
}

// purge drops what one store put here, 0 for all stores.
func (s *shelf) purge(store uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []key
	s.kept.Each(func(it policy.Item[key, *entry]) bool {
		if store == 0 || it.Key.store == store {
			gone = append(gone, it.Key)
		}
		return true
	})
	for _, k := range gone {
		s.kept.Remove(k)
	}
}

func (s *shelf) size() (entries int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Len(), s.kept.Bytes()
}
