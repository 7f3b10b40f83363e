package sqlcat

import (
	"context"
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

var errPage = fmt.Errorf("%w: a page of the catalog is not where it belongs", core.ErrIntegrity)

// mostTries is how often a question is asked again before runs that are gone
// count as damage.
const mostTries = 100

// HasFeature is Catalog's. It answers from a copy: of all features, renewed
// when the database says that something changed; or of those asked for, where
// "no" and "maybe" are asked of the database each time.
func (c *Catalog) HasFeature(ctx context.Context, key core.FeatureKey, conditions ...catalog.Condition) (catalog.Presence, error) {
	if err := c.check(ctx); err != nil {
		return catalog.Maybe, err
	}
	for try := 0; ; try++ {
		var p catalog.Presence
		err := c.db.Again(ctx, func() (err error) {
			p, err = c.presence(ctx, key, conditions)
			return err
		})
		if errors.Is(err, errGone) {
			if try < mostTries {
				c.states.renewRuns(key)
				continue // runs were merged between two questions; the next list is newer
			}
			err = fmt.Errorf("%w: a run without its pages", core.ErrIntegrity)
		}
		if err != nil {
			return catalog.Maybe, c.wrap(ctx, key, err)
		}
		return p, nil
	}
}

func (c *Catalog) presence(ctx context.Context, key core.FeatureKey, conditions []catalog.Condition) (catalog.Presence, error) {
	if c.copies.Stamp != nil {
		s, err := c.stamped(ctx, key)
		if err != nil {
			return catalog.Maybe, err
		}
		return c.answer(ctx, s, conditions)
	}
	if c.copies.Following() {
		c.states.mu.RLock()
		s := c.states.by[key]
		c.states.mu.RUnlock()
		if s != nil {
			if p, err := c.answer(ctx, s, conditions); err != nil || p == catalog.Yes {
				return p, err
			}
		}
	}
	s, err := c.fresh(ctx, key)
	if err != nil {
		return catalog.Maybe, err
	}
	return c.answer(ctx, s, conditions)
}

// answer says what a copy knows.
func (c *Catalog) answer(ctx context.Context, s *state, conditions []catalog.Condition) (catalog.Presence, error) {
	if s == nil {
		return catalog.No, nil
	}
	p := catalog.No
	if len(conditions) == 0 {
		if s.commits > 0 {
			return catalog.Yes, nil
		}
	} else {
		var err error
		if p, err = c.has(ctx, s, catalog.Ask(conditions...)); err != nil {
			return catalog.Maybe, err
		}
	}
	if p == catalog.No && !s.settled {
		return catalog.Maybe, nil
	}
	return p, nil
}

func (c *Catalog) has(ctx context.Context, s *state, q catalog.Conditions) (catalog.Presence, error) {
	if q.AnyContainer() && q.AnyVersion() {
		if s.commits > 0 {
			return catalog.Yes, nil
		}
		return catalog.No, nil
	}
	rows := int64(0)
	for _, in := range s.containers {
		if q.AnyContainer() || in.name == q.Container {
			rows += in.rows
		}
	}
	switch {
	case rows == 0:
		return catalog.No, nil
	case q.AnyVersion():
		return catalog.Yes, nil
	case s.mode == catalog.Counts:
		return catalog.Maybe, nil
	}
	all := s.runs.Load()
	if all == nil {
		list, err := c.runs(ctx, c.db.Read(), s.id, "")
		if err != nil {
			return catalog.Maybe, err
		}
		all = &list
		s.runs.Store(all)
	}
	return c.hasVersion(ctx, *all, s.mode, q)
}

func (c *Catalog) hasVersion(ctx context.Context, all []run, mode catalog.Mode, q catalog.Conditions) (catalog.Presence, error) {
	key := catalog.EncodeVersion(make([]byte, 0, 64), q.Version)
	hash := runs.Hash(key)
	if hashed(mode) {
		key = runs.HashKey(make([]byte, 0, 8), hash)
	}
	for _, r := range all {
		if !q.AnyContainer() && r.container != q.Container {
			continue
		}
		p, ok := r.part(key)
		if !ok {
			continue
		}
		f, err := c.filter(ctx, c.db.Read(), r, p)
		switch {
		case err != nil:
			return catalog.Maybe, err
		case !f.Contains(hash):
			continue
		case hashed(mode):
			return catalog.Maybe, nil
		}
		page, err := c.page(ctx, c.db.Read(), r, key)
		if err != nil {
			return catalog.Maybe, err
		}
		if page == nil {
			continue
		}
		if _, found := page.Find(key); found {
			return catalog.Yes, nil
		}
	}
	return catalog.No, nil
}
