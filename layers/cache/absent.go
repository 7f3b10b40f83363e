package cache

import (
	"time"

	"github.com/metaxy-go/metaxy/internal/policy"
)

// absences are the features that are believed to be missing. They have a share
// of the budget for themselves, so that asking for many features that are not
// there pushes out no answer. The shelf's lock guards them.
type absences struct {
	kept *policy.LRU[absence, time.Time] // when each is over; never used again, so that the oldest is over first
	now  func() time.Time
	ttl  time.Duration
}

// absence is the fact that a feature is not there.
type absence struct {
	topic
	local bool
}

// absentBytes is about what an absence takes.
const absentBytes = 256

// absentShare is what of the budget absences may take.
func (o options) absentShare() int64 {
	if o.missing <= 0 {
		return 0
	}
	return o.maxBytes / 64
}

func newAbsences(o options) *absences {
	return &absences{
		kept: policy.NewLRU(policy.Limits{Bytes: o.absentShare()}, func(policy.Item[absence, time.Time], policy.Reason) {}),
		now:  o.now, ttl: o.missing,
	}
}

func (a *absences) has(k absence) bool {
	until, ok := a.kept.Peek(k)
	if ok && !a.now().Before(until) {
		return !a.kept.Remove(k)
	}
	return ok
}

func (a *absences) put(k absence) {
	now := a.now()
	for range mostSwept {
		old, ok := a.kept.Oldest()
		if !ok || now.Before(old.Value) {
			break
		}
		a.kept.Remove(old.Key)
	}
	a.kept.Add(policy.Item[absence, time.Time]{Key: k, Value: now.Add(a.ttl), Bytes: absentBytes, Cost: 1})
}

// purge drops the absences of one store, 0 for all stores.
func (a *absences) purge(store uint64) {
	var gone []absence
	a.kept.Each(func(it policy.Item[absence, time.Time]) bool {
		if store == 0 || it.Key.store == store {
			gone = append(gone, it.Key)
		}
		return true
	})
	for _, k := range gone {
		a.kept.Remove(k)
	}
}

// missing reports whether a feature is believed to be missing.
func (s *shelf) missing(of topic, local bool) bool {
	if s.options.missing <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.absent.has(absence{of, local})
}

// putMissing remembers that a feature is not there, if still says so: it is
// asked under the lock, so that a write that makes the feature either shows in
// it or forgets the absence afterwards.
func (s *shelf) putMissing(of topic, local bool, still func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.missing > 0 && still() {
		s.absent.put(absence{of, local})
	}
}

// forgetMissing forgets that a feature was missing.
func (s *shelf) forgetMissing(of topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absent.kept.Remove(absence{of, false})
	s.absent.kept.Remove(absence{of, true})
}
