package catalog

import (
	"context"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// mostAsked bounds what is remembered of single features, which callers name.
const mostAsked = 1 << 17

func (s *store) trusting() bool { return s.keeper.options.trust != askStore && !s.keeper.shared.Load() }

// sure reports whether the catalog may answer for a feature as far as this
// process knows: nothing of its own is under way or left over.
func (s *store) sure(key core.FeatureKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, behind := s.behind[key]
	return !behind && s.writing[key] == 0
}

// trusts reports whether the catalog was compared with the store recently
// enough, for one feature.
func (s *store) trusts(key core.FeatureKey) bool {
	switch s.keeper.options.trust {
	case maxAge:
		s.mu.Lock()
		defer s.mu.Unlock()
		at, ok := s.asked[key]
		if !ok || at.Before(s.compared) {
			at = s.compared
		}
		return s.young(at)
	case soleWriter, everyWriter:
		return s.caught.Load()
	case askStore:
	}
	return false
}

// young reports whether a moment is less than the age ago. One that has not come
// yet, because the clock was put back, is not.
func (s *store) young(at Time) bool {
	d := s.keeper.options.now().Sub(at)
	return !at.IsZero() && d >= 0 && d < s.keeper.options.age
}

// trustsAll is the same for all features at once.
func (s *store) trustsAll() bool {
	if !s.trusting() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.behind) > 0 || len(s.writing) > 0 {
		return false // one of them may be new, and so in no listing of the catalog
	}
	if s.keeper.options.trust == maxAge {
		return s.young(s.compared)
	}
	return s.caught.Load()
}

// known gives what the catalog says of a feature, if that can be believed.
func (s *store) known(ctx context.Context, key core.FeatureKey) (Entry, bool) {
	if !s.trusting() || !s.sure(key) || !s.trusts(key) {
		return Entry{}, false
	}
	e, err := s.keeper.cat.Entry(ctx, key)
	if err != nil {
		s.keeper.problem(key, err)
		return Entry{}, false
	}
	s.suspect(e)
	return e, e.Settled()
}

// suspect has a feature repaired in which somebody began a write so long ago that
// its writer is dead.
func (s *store) suspect(e Entry) {
	now := s.keeper.options.now()
	if slices.ContainsFunc(e.Pending, func(i Intent) bool { return now.Sub(i.Begun) >= DefaultAbandonAfter && !s.isLive(i) }) {
		s.doubt(e.Key, unregistered)
	}
}

// absent reports whether the feature is surely not there.
func (s *store) absent(ctx context.Context, key core.FeatureKey) bool {
	e, ok := s.known(ctx, key)
	if ok && !e.Known() {
		s.keeper.counts.answered.Add(1)
		return true
	}
	return false
}

// note compares what the store said of a feature with the catalog, and brings
// the description up to date when no more than that is old. The zero Info is a
// feature that is not there.
func (s *store) note(ctx context.Context, key core.FeatureKey, info core.Info, began Time) {
	e, err := s.keeper.cat.Entry(ctx, key)
	if err != nil {
		s.keeper.problem(key, err)
		return
	}
	if e.Known() && e.Settled() && e.Generation == info.Generation && outdated(e.Info, info) {
		info.Log = nil
		if err := s.keeper.cat.Describe(ctx, info); err != nil {
			s.keeper.problem(key, err)
			return
		}
		e.Info = info
	}
	if s.keeper.options.trust != maxAge || e.Generation != info.Generation || !e.Settled() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) >= mostAsked {
		clear(s.asked)
	}
	s.asked[key] = began
}

// outdated reports whether a description is older than the feature.
func outdated(there, info core.Info) bool {
	return there.Generation != info.Generation || there.SchemaVersion != info.SchemaVersion
}

// hold marks a feature as under way until the function that it returns.
func (s *store) hold(key core.FeatureKey) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.writing[key]--; s.writing[key] == 0 {
			delete(s.writing, key)
		}
	}
}
