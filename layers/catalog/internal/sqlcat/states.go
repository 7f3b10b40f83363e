package sqlcat

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// state is a copy of what HasFeature wants to know of a feature. It is
// replaced, not changed.
type state struct {
	id, rev, commits int64
	settled          bool
	mode             catalog.Mode
	containers       []contained
	runs             atomic.Pointer[[]run] // read when a version is asked for first
}

type contained struct {
	name string
	rows int64
}

// states are the copies of this process.
type states struct {
	mu    sync.RWMutex
	by    map[core.FeatureKey]*state
	whole bool  // by holds every feature as of stamp
	stamp Stamp // of the last look
	rev   int64 // the highest that was seen
	epoch int64 // grows with everything that is forgotten
	one   sync.Mutex
}

func (s *states) forget(key core.FeatureKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	if key == "" {
		s.by, s.whole, s.rev = map[core.FeatureKey]*state{}, false, 0
		return
	}
	delete(s.by, key)
}

// renewRuns has the runs of a feature read again.
func (s *states) renewRuns(key core.FeatureKey) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if st := s.by[key]; st != nil {
		st.runs.Store(nil)
	}
}

const stateColumns = `SELECT f.key, f.id, f.rev, f.mode, f.commits, f.through, f.generation, f.pending, f.info_generation, coalesce(c.name, ''), coalesce(c.sample_count, 0)
	FROM feature f LEFT JOIN container c ON c.feature = f.id WHERE `

// read calls f for the states of a condition.
func (c *Catalog) read(ctx context.Context, tx Tx, condition string, args []any, f func(core.FeatureKey, *state)) error {
	var last *state
	return each(ctx, tx, stateColumns+condition, args, func(r Rows) error {
		s := &state{}
		var key string
		var through, generation, pending, described int64
		var in contained
		if err := r.Scan(&key, &s.id, &s.rev, &s.mode, &s.commits, &through, &generation, &pending, &described, &in.name, &in.rows); err != nil {
			return err
		}
		if last == nil || last.id != s.id {
			s.settled = pending == 0 && through == generation && described <= through
			last = s
			f(core.FeatureKey(key), s)
		}
		if in.name != "" {
			last.containers = append(last.containers, in)
		}
		return nil
	})
}

// stamped gives the copy of a feature, nil for one that is not there, after
// renewing the copies if anything changed.
func (c *Catalog) stamped(ctx context.Context, key core.FeatureKey) (*state, error) {
	s := &c.states
	now, err := c.copies.Stamp(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	if s.whole && s.stamp == now {
		out := s.by[key]
		s.mu.RUnlock()
		return out, nil
	}
	s.mu.RUnlock()
	return c.renew(ctx, key)
}

func (c *Catalog) renew(ctx context.Context, key core.FeatureKey) (*state, error) {
	s := &c.states
	s.one.Lock()
	defer s.one.Unlock()
	now, err := c.copies.Stamp(ctx) // before the rows are read: what is newer than it only makes another look
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	rev, whole := s.rev, s.whole
	if whole && s.stamp == now {
		out := s.by[key]
		s.mu.RUnlock()
		return out, nil
	}
	s.mu.RUnlock()
	if !whole {
		rev = -1
	}
	changed := map[core.FeatureKey]*state{}
	if err := c.read(ctx, c.db.Read(), `f.rev > $1 ORDER BY f.id, c.name`, with(rev), func(k core.FeatureKey, st *state) { changed[k] = st }); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !whole {
		s.by, s.whole = map[core.FeatureKey]*state{}, true
	}
	for k, st := range changed {
		s.by[k] = st
		s.rev = max(s.rev, st.rev)
	}
	s.stamp = now
	return s.by[key], nil
}

// fresh reads a feature's state and keeps the copy if nothing was forgotten meanwhile.
func (c *Catalog) fresh(ctx context.Context, key core.FeatureKey) (out *state, err error) {
	s := &c.states
	s.mu.RLock()
	epoch := s.epoch
	s.mu.RUnlock()
	following := c.copies.Following()
	if err := c.read(ctx, c.db.Read(), `f.key = $1 ORDER BY c.name`, with(string(key)), func(_ core.FeatureKey, st *state) { out = st }); err != nil {
		return nil, err
	}
	if out != nil && following {
		s.mu.Lock()
		if s.epoch == epoch && len(s.by) < mostCopies {
			s.by[key] = out
		}
		s.mu.Unlock()
	}
	return out, nil
}

// mostCopies bounds the copies where features are read one by one.
const mostCopies = 1 << 18
