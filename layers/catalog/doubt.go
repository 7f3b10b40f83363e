package catalog

import (
	"slices"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// reason is why the catalog does not answer for a feature. Of two the one that
// is harder to end stays.
type reason uint8

const (
	undecided    reason = iota // nothing but writes of which nobody knows whether they happened, or still will
	unregistered               // a repair from the store's log ends it
	tooMuch                    // the same, but it would read more rows than allowed
	foreign                    // the catalog holds other commits than the store
)

// doubt keeps the catalog from answering for a feature.
type doubt struct {
	why   reason
	mark  int64  // when there was last a reason, by store.marks
	open  []open // what is to be ended with it
	next  Time   // when the next attempt is due
	tries int
}

// open is a write of this process that has not ended in the catalog.
type open struct {
	intent   Intent // no ID without one
	write    string // writeDigest of the write's id
	seq      int64  // its commit, 0 unless it was accepted
	identity string // who made that
	ended    bool   // it happened, or surely will not: a repair is all that it waits for
	since    Time
	mark     int64
}

// mostOpen bounds what is remembered of the writes of a feature.
const mostOpen = 256

// mark is a moment among the doubts: what comes later has a greater one. A
// comparison or repair that began at a mark ends the doubts up to it and no
// others.
func (s *store) mark() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks
}

// doubt keeps the catalog from answering for a feature.
func (s *store) doubt(key core.FeatureKey, why reason) { s.left(key, why, open{ended: true}) }

// left is doubt because of a write.
func (s *store) left(key core.FeatureKey, why reason, o open) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.keeper.options.now()
	d := s.behind[key]
	if d == nil {
		d = &doubt{}
		s.behind[key] = d
		s.anyBehind.Store(true)
	}
	s.marks++
	if soon := now.Add(s.keeper.options.retry); d.next.IsZero() || soon.Before(d.next) {
		d.next = soon
	}
	if len(s.behind) == 1 || d.next.Before(s.drainAt) {
		s.drainAt = d.next
	}
	if why != undecided {
		d.why, d.mark = max(d.why, why), s.marks
	}
	if o.ended && o.intent.ID == "" && o.identity == "" {
		return // the reason says it all
	}
	if len(d.open) == mostOpen {
		// Of a write that ended only the name goes, and its intent at its age.
		// The last of those that did not end stands for the oldest.
		at := max(slices.IndexFunc(d.open, func(o open) bool { return o.ended }), 0)
		if !d.open[at].ended {
			o.write, o.ended = "", false
		}
		d.open = slices.Delete(d.open, at, at+1)
	}
	o.since, o.mark = now, s.marks
	d.open = append(d.open, o)
}

// doubted reports whether there is a doubt about a feature.
func (s *store) doubted(key core.FeatureKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind[key] != nil
}

// isForeign reports whether the catalog is another store's as to this feature.
func (s *store) isForeign(key core.FeatureKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.behind[key]
	return d != nil && d.why == foreign
}

func (s *store) behindCount() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.behind))
}

// opened lists the writes of a feature that have not ended.
func (s *store) opened(key core.FeatureKey) []open {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.behind[key]; d != nil {
		return slices.Clone(d.open)
	}
	return nil
}

// authors tells who made the commits that this process could not register.
func (s *store) authors(key core.FeatureKey) map[int64]string {
	who := map[int64]string{}
	for _, o := range s.opened(key) {
		if o.seq > 0 && o.identity != "" {
			who[o.seq] = o.identity
		}
	}
	return who
}

// settle ends the doubt up to a mark, except for the writes that may yet happen.
func (s *store) settle(key core.FeatureKey, mark int64, over func(open) bool) {
	s.end(key, func(d *doubt) {
		d.open = slices.DeleteFunc(d.open, func(o open) bool { return o.mark <= mark && (o.ended || over(o)) })
		if d.mark <= mark {
			d.why = undecided
		}
	})
}

// end changes a doubt, which goes when nothing is left of it.
func (s *store) end(key core.FeatureKey, change func(*doubt)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.behind[key]
	if d == nil {
		return
	}
	change(d)
	if d.why == undecided && len(d.open) == 0 {
		delete(s.behind, key)
		s.anyBehind.Store(len(s.behind) > 0)
	}
}

// due lists the features that an attempt may help now, and puts the next one off
// for each a little longer.
func (s *store) due() []core.FeatureKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.keeper.options
	now := o.now()
	if len(s.behind) == 0 || !reached(s.drainAt, now, o.retry) {
		return nil
	}
	s.drainAt = now.Add(o.retry)
	var keys []core.FeatureKey
	for key, d := range s.behind {
		if d.helpable(now) && reached(d.next, now, o.retry<<longestWait) {
			d.next = now.Add(o.retry << min(d.tries, longestWait))
			d.tries++
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// longestWait is how often the time between two attempts doubles.
const longestWait = 6

// helpable reports whether the store's log may tell more than it did.
func (d *doubt) helpable(now Time) bool {
	if d.why != undecided {
		return d.why == unregistered
	}
	return slices.ContainsFunc(d.open, func(o open) bool {
		return o.ended || o.write != "" || now.Sub(o.since) >= DefaultAbandonAfter
	})
}

// reached reports whether a moment that was set at most so far ahead is there. A
// clock that was put back since does not make it wait for longer.
func reached(at, now Time, ahead time.Duration) bool {
	d := at.Sub(now)
	return d <= 0 || d > ahead
}
