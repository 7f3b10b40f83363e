package catalog

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// entry makes what Catalog tells of the state.
func (s *memoryState) entry(key core.FeatureKey, mode Mode) Entry {
	e := Entry{
		Key: key, Info: copyInfo(s.info), Commits: int64(len(s.commits)), Through: s.through, Rows: s.rows,
		Pending: slices.Clone(s.pending), Mode: mode,
	}
	if n := len(s.commits); n > 0 {
		last := s.commits[n-1].Commit
		e.Generation, e.Last = last.Seq, last.Time
	}
	for _, name := range slices.Sorted(maps.Keys(s.containers)) {
		rows, distinct := s.containers[name].size()
		e.Containers = append(e.Containers, ContainerCount{Container: name, Rows: rows, Versions: distinct})
	}
	return e
}

func (s *memoryState) settled() bool {
	n := len(s.commits)
	return len(s.pending) == 0 && (n == 0 || s.through == s.commits[n-1].Commit.Seq) && s.info.Generation <= s.through
}

// Entry is Catalog's.
func (c *memoryCatalog) Entry(ctx context.Context, key core.FeatureKey) (Entry, error) {
	if err := c.check(ctx); err != nil {
		return Entry{}, err
	}
	return c.state(key).entry(key, c.mode), nil
}

// HasFeature is Catalog's.
func (c *memoryCatalog) HasFeature(ctx context.Context, key core.FeatureKey, conditions ...Condition) (Presence, error) {
	if err := c.check(ctx); err != nil {
		return Maybe, err
	}
	s := c.state(key)
	p := No
	if len(conditions) == 0 {
		if len(s.commits) > 0 {
			p = Yes
		}
	} else {
		p = s.has(Ask(conditions...))
	}
	if p == No && !s.settled() {
		p = Maybe
	}
	return p, nil
}

func (s *memoryState) has(q Conditions) Presence {
	if q.AnyContainer() && q.AnyVersion() {
		if len(s.commits) > 0 {
			return Yes
		}
		return No
	}
	var version []byte
	if !q.AnyVersion() {
		version = EncodeVersion(make([]byte, 0, 64), q.Version)
	}
	best := No
	for name, set := range s.containers {
		if !q.AnyContainer() && name != q.Container {
			continue
		}
		if q.AnyVersion() {
			if rows, _ := set.size(); rows > 0 {
				return Yes
			}
			continue
		}
		best = max(best, set.has(version))
	}
	return best
}

// MaterializedVersions is Catalog's.
func (c *memoryCatalog) MaterializedVersions(ctx context.Context, key core.FeatureKey, container string) iter.Seq2[VersionCount, error] {
	return func(yield func(VersionCount, error) bool) {
		if err := c.check(ctx); err != nil {
			yield(VersionCount{}, err)
			return
		}
		if c.mode != Exact {
			yield(VersionCount{}, fmt.Errorf("%w: this catalog keeps no exact versions: open it with another mode and rebuild it", core.ErrUnsupported))
			return
		}
		s := c.state(key)
		set := s.containers[container]
		if set == nil {
			return
		}
		n := 0
		for version, at := range set.sorted() {
			if n++; n%1024 == 0 {
				if err := c.check(ctx); err != nil {
					yield(VersionCount{}, err)
					return
				}
			}
			text, ok := DecodeVersion(version)
			if !ok {
				yield(VersionCount{}, fmt.Errorf("%w: a version that nobody encoded", core.ErrIntegrity))
				return
			}
			if !yield(VersionCount{Version: text, Rows: at.rows, Last: s.timeOf(at.last)}, nil) {
				return
			}
		}
	}
}

func (s *memoryState) timeOf(seq int64) Time {
	if at, ok := s.find(seq); ok {
		return s.commits[at].Commit.Time
	}
	return Time{}
}

// MaterializationInfo is Catalog's.
func (c *memoryCatalog) MaterializationInfo(ctx context.Context, key core.FeatureKey) (core.Rows, error) {
	if err := c.check(ctx); err != nil {
		return core.Rows{}, err
	}
	s := c.state(key)
	if len(s.commits) == 0 {
		return core.Rows{}, core.ErrFeatureNotFound
	}
	return InfoRows(func(yield func(VersionRow, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.containers)) {
			if c.mode != Exact {
				rows, _ := s.containers[name].size()
				if !yield(VersionRow{Container: name, Unknown: true, Rows: rows, Last: s.timeOf(s.containers[name].latest())}, nil) {
					return
				}
				continue
			}
			for v, err := range c.MaterializedVersions(ctx, key, name) {
				if !yield(VersionRow{Container: name, Version: v.Version, Rows: v.Rows, Last: v.Last}, err) || err != nil {
					return
				}
			}
		}
	}), nil
}

// History is Catalog's.
func (c *memoryCatalog) History(ctx context.Context, key core.FeatureKey) iter.Seq2[Materialization, error] {
	return func(yield func(Materialization, error) bool) {
		if err := c.check(ctx); err != nil {
			yield(Materialization{}, err)
			return
		}
		for _, m := range c.state(key).commits {
			m.Commit.Basis = m.Commit.Basis.Clone()
			if !yield(m, nil) {
				return
			}
		}
	}
}
