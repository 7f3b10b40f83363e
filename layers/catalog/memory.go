package catalog

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// MemoryOption sets a choice of NewMemory.
type MemoryOption func(*memoryCatalog)

// Keep sets how versions are kept: Exact when not set.
func Keep(m Mode) MemoryOption { return func(c *memoryCatalog) { c.mode = m } }

// NewMemory makes an empty catalog in process memory: the reference for the
// durable ones. Readers take no lock while commits are registered.
func NewMemory(opts ...MemoryOption) Catalog {
	c := &memoryCatalog{features: map[core.FeatureKey]*memoryFeature{}}
	for _, set := range opts {
		set(c)
	}
	return c
}

type memoryCatalog struct {
	mode   Mode
	closed atomic.Bool

	mu       sync.RWMutex
	features map[core.FeatureKey]*memoryFeature
	sorted   []core.FeatureKey // nil after a feature was added
}

// memoryFeature holds a state that is replaced as a whole.
type memoryFeature struct {
	writer sync.Mutex // held while a new state is made
	state  atomic.Pointer[memoryState]
}

// memoryState never changes once it is published.
type memoryState struct {
	info       core.Info
	pending    []Intent
	commits    []Materialization // by sequence number
	through    int64
	rows       int64
	containers map[string]versionSet
}

func (c *memoryCatalog) check(ctx context.Context) error {
	if c.closed.Load() {
		return core.ErrClosed
	}
	return ctx.Err()
}

// state gives what is known of a feature; one never heard of is empty.
func (c *memoryCatalog) state(key core.FeatureKey) *memoryState {
	c.mu.RLock()
	f := c.features[key]
	c.mu.RUnlock()
	if f == nil {
		return &memoryState{}
	}
	return f.state.Load()
}

// change replaces the state of a feature by what edit makes of a copy.
func (c *memoryCatalog) change(ctx context.Context, key core.FeatureKey, edit func(*memoryState) error) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	f := c.features[key]
	if f == nil {
		f = &memoryFeature{}
		f.state.Store(&memoryState{})
		c.features[key], c.sorted = f, nil
	}
	c.mu.Unlock()
	f.writer.Lock()
	defer f.writer.Unlock()
	next := *f.state.Load()
	if err := edit(&next); err != nil {
		return err
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	f.state.Store(&next)
	return nil
}

// Begin is Catalog's.
func (c *memoryCatalog) Begin(ctx context.Context, intent Intent) error {
	if err := intent.Check(); err != nil {
		return err
	}
	return c.change(ctx, intent.Key, func(s *memoryState) error {
		s.pending = append(s.without(intent.ID), intent)
		return nil
	})
}

// Abandon is Catalog's.
func (c *memoryCatalog) Abandon(ctx context.Context, intent Intent) error {
	if err := intent.Check(); err != nil {
		return err
	}
	return c.change(ctx, intent.Key, func(s *memoryState) error {
		s.pending = s.without(intent.ID)
		return nil
	})
}

// without gives a copy of the intents but this one.
func (s *memoryState) without(id string) []Intent {
	return slices.DeleteFunc(slices.Clone(s.pending), func(i Intent) bool { return i.ID == id })
}

// RegisterMaterialization is Catalog's.
func (c *memoryCatalog) RegisterMaterialization(ctx context.Context, m Materialization, versions Versions) error {
	if err := m.Check(); err != nil {
		return err
	}
	return c.change(ctx, m.Key, func(s *memoryState) error {
		at, found := s.find(m.Commit.Seq)
		switch {
		case found && !Same(s.commits[at].Commit, m.Commit):
			return fmt.Errorf("%w: commit %d is registered as another one: the catalog belongs to another store", core.ErrConflict, m.Commit.Seq)
		case !found:
			if err := s.add(ctx, c.mode, at, m, versions); err != nil {
				return err
			}
		case s.commits[at].Identity == "" && m.Identity != "":
			s.commits = slices.Clone(s.commits) // older states keep theirs
			s.commits[at].Identity = m.Identity
		}
		s.describe(m.Info)
		if m.IntentID != "" {
			s.pending = s.without(m.IntentID)
		}
		return nil
	})
}

func (s *memoryState) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(s.commits, seq, func(m Materialization, seq int64) int { return int(m.Commit.Seq - seq) })
}

func (s *memoryState) add(ctx context.Context, mode Mode, at int, m Materialization, versions Versions) error {
	containers := maps.Clone(s.containers)
	if containers == nil {
		containers = map[string]versionSet{}
	}
	for _, v := range versions.Containers {
		set, ok := containers[v.Container]
		if !ok {
			set = newVersionSet(mode)
		}
		grown, err := set.with(ctx, m.Commit.Seq, v)
		if err != nil {
			return err
		}
		containers[v.Container] = grown
	}
	s.containers = containers
	kept := m
	kept.Info, kept.IntentID = core.Info{}, ""
	kept.Commit.Basis = m.Commit.Basis.Clone()
	if at == len(s.commits) {
		s.commits = append(s.commits, kept) // older states do not look beyond their length
	} else {
		s.commits = slices.Insert(slices.Clone(s.commits), at, kept)
	}
	for int64(len(s.commits)) > s.through && s.commits[s.through].Commit.Seq == s.through+1 {
		s.through++
	}
	if !m.Commit.Tombstones {
		s.rows += m.Commit.Rows
	}
	return nil
}

func (s *memoryState) describe(info core.Info) {
	if len(s.commits) > 0 && Newer(s.info, info) {
		s.info = copyInfo(info)
		s.info.Log = nil
	}
}

// copyInfo makes the slices the caller's own.
func copyInfo(info core.Info) core.Info {
	info.ID, info.Containers, info.Log = slices.Clone(info.ID), slices.Clone(info.Containers), slices.Clone(info.Log)
	return info
}

// Describe is Catalog's.
func (c *memoryCatalog) Describe(ctx context.Context, info core.Info) error {
	if err := info.Key.Validate(); err != nil {
		return err
	}
	return c.change(ctx, info.Key, func(s *memoryState) error {
		s.describe(info)
		return nil
	})
}

// Drop is Catalog's.
func (c *memoryCatalog) Drop(ctx context.Context, key core.FeatureKey) error {
	return c.change(ctx, key, func(s *memoryState) error {
		*s = memoryState{pending: s.pending}
		return nil
	})
}

// Close is Catalog's.
func (c *memoryCatalog) Close() error {
	c.closed.Store(true)
	return nil
}

// keys are the features under a prefix after a key, in order.
func (c *memoryCatalog) keys(q Query) []core.FeatureKey {
	c.mu.RLock()
	sorted := c.sorted
	c.mu.RUnlock()
	if sorted == nil {
		c.mu.Lock()
		if c.sorted == nil {
			c.sorted = slices.Sorted(maps.Keys(c.features))
		}
		sorted = c.sorted
		c.mu.Unlock()
	}
	from, _ := slices.BinarySearch(sorted, max(core.FeatureKey(q.Prefix), q.After))
	return sorted[from:]
}

// Features is Catalog's.
func (c *memoryCatalog) Features(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := c.check(ctx); err != nil {
			yield(Entry{}, err)
			return
		}
		n := 0
		for _, key := range c.keys(q) {
			if !strings.HasPrefix(string(key), q.Prefix) {
				return
			}
			if err := c.check(ctx); err != nil {
				yield(Entry{}, err)
				return
			}
			e := c.state(key).entry(key, c.mode)
			if !q.Matches(e) {
				continue
			}
			if n++; !yield(e, nil) || n == q.Limit {
				return
			}
		}
	}
}
