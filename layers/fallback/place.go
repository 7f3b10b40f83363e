package fallback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/metaxy-go/metaxy/core"
)

// place is this store or a leg, with what is known of it.
type place struct {
	name  string // "" for this store
	store core.Store

	mu sync.RWMutex
	// held are features into which a row was written. Stores only grow, so
	// what was true stays true, and a feature that is held here costs no
	// second question. What is not held is asked each time.
	held map[core.FeatureKey]struct{}
}

func newPlace(name string, s core.Store) *place {
	return &place{name: name, store: s, held: map[core.FeatureKey]struct{}{}}
}

func (p *place) holds(key core.FeatureKey) bool {
	p.mu.RLock()
	_, ok := p.held[key]
	p.mu.RUnlock()
	return ok
}

func (p *place) learn(key core.FeatureKey) {
	if p.holds(key) {
		return
	}
	p.mu.Lock()
	p.held[key] = struct{}{}
	p.mu.Unlock()
}

// forget is for a feature that somebody removed beneath us.
func (p *place) forget(key core.FeatureKey) {
	p.mu.Lock()
	delete(p.held, key)
	p.mu.Unlock()
}

// errorOf says which leg an error came from.
func (p *place) errorOf(err error) error {
	if err == nil || p.name == "" {
		return err
	}
	return fmt.Errorf("fallback %s: %w", p.name, err)
}

// counts reports whether a feature that the place answered for hides the
// places after it.
func (p *place) counts(ctx context.Context, key core.FeatureKey) (bool, error) {
	if p.holds(key) {
		return true, nil
	}
	info, err := p.store.Stat(ctx, core.StatRequest{Key: key})
	if err != nil {
		return undecided(err)
	}
	return p.countsAs(ctx, info)
}

// countsAs decides by a Stat. A feature counts unless it is certain that no
// row was ever written: a table whose samples were all retired does count.
func (p *place) countsAs(ctx context.Context, info core.Info) (bool, error) {
	if p.holds(info.Key) {
		return true, nil
	}
	if info.Rows <= 0 && info.Generation > 0 {
		log := info.Log
		if int64(len(log)) < info.Generation {
			all, err := p.store.Stat(ctx, core.StatRequest{Key: info.Key, Commits: -1})
			if err != nil {
				return undecided(err)
			}
			if log = all.Log; int64(len(log)) < all.Generation {
				return true, nil // a log that we may not see proves nothing
			}
		}
		if !anyRows(log) {
			return false, nil
		}
	}
	p.learn(info.Key)
	return true, nil
}

// undecided is for a Stat that fails after the feature was found. Who may read
// but not ask for more must not be led past what he read.
func undecided(err error) (bool, error) {
	for _, known := range []error{core.ErrFeatureNotFound, core.ErrDenied, core.ErrUnsupported} {
		if errors.Is(err, known) {
			return true, nil
		}
	}
	return false, err
}

func anyRows(log []core.Commit) bool {
	for _, c := range log {
		if c.Rows > 0 {
			return true
		}
	}
	return false
}

// search asks this store, then each leg, until one holds the feature and
// counts. The place is nil with an error. A place that holds the feature but
// does not count answers when no other does, and all could be asked.
func search[T any](
	s *store, op core.Op, key core.FeatureKey,
	ask func(*place) (T, error), counts func(*place, T) (bool, error),
) (T, *place, error) {
	var none, empty T
	var emptyAt *place
	var unavailable error
	for p := range s.places() {
		v, err := ask(p)
		if err == nil {
			ok, err := counts(p, v)
			if err != nil {
				return none, nil, p.errorOf(err)
			}
			if ok {
				return v, p, nil
			}
			if emptyAt == nil {
				empty, emptyAt = v, p
			}
			continue
		}
		if !s.movesOn(err) {
			return none, nil, p.errorOf(err)
		}
		if errors.Is(err, core.ErrFeatureNotFound) {
			p.forget(key)
		} else if unavailable == nil {
			unavailable = p.errorOf(err)
		}
	}
	switch {
	case unavailable != nil:
		// The rows may be there: it would be wrong to say that there are none.
		return none, nil, unavailable
	case emptyAt != nil:
		return empty, emptyAt, nil
	}
	return none, nil, &core.Error{Op: op, Key: key, Layer: Name, Err: fmt.Errorf("%w, nor in %s", core.ErrFeatureNotFound, s.legNames())}
}

// movesOn reports whether an error is a reason to ask the next place.
func (s *store) movesOn(err error) bool {
	return errors.Is(err, core.ErrFeatureNotFound) || s.o.unavailable && errors.Is(err, core.ErrUnavailable)
}

// places yields this store, then the legs in their order.
func (s *store) places() func(yield func(*place) bool) {
	return func(yield func(*place) bool) {
		if !yield(s.here) {
			return
		}
		for _, p := range s.legs {
			if !yield(p) {
				return
			}
		}
	}
}

func (s *store) legNames() string {
	names := make([]string, len(s.legs))
	for i, p := range s.legs {
		names[i] = p.name
	}
	return strings.Join(names, ", ")
}
