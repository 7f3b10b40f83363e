// Package memory is a store in process memory: the reference implementation
// of the contract, and the store that tests run on.
//
// A feature is a list of chunks, each up to 64k rows of one commit in Arrow
// arrays that never change. Beside its arrays a chunk knows, for each row, the
// commit that replaced it. The state after commit n is therefore a filter:
//
//	the rows of commits 1…n that no commit up to n replaced
//
// which makes the present, AsOf and a reader's snapshot one and the same thing,
// and lets readers work without a lock while writers append.
//
//	memory.go   the public face
//	table.go    a feature: its chunks and its published state
//	write.go    Write: take the rows in, then commit them
//	ingest.go   copying the caller's rows into chunks
//	index.go    id to latest row
//	read.go     Read: which rows, which columns
//	evolve.go   Evolve, and containers that grow
package memory

import (
	"context"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

const name = "memory"

// Option sets a choice of New. Options commute.
type Option func(*store)

// Allocator sets where the store keeps its rows: the Go heap when not set.
// After Close, once every loop over its rows has ended, all of it is released.
func Allocator(mem arrowmem.Allocator) Option { return func(s *store) { s.mem = mem } }

// Clock sets what tells the time of commits: time.Now when not set. Within a
// feature commit times do not run backwards even when the clock does.
func Clock(now func() time.Time) Option { return func(s *store) { s.now = now } }

// New makes an empty store. It loses everything when it is closed.
//
// Close does not wait for readers: a loop over rows that has begun runs to its
// end, and the memory is released after the last one. Rows that are ranged over
// only after Close yield ErrClosed.
func New(opts ...Option) core.Store {
	s := &store{mem: arrowmem.NewGoAllocator(), now: time.Now, seed: maphash.MakeSeed(), tables: map[core.FeatureKey]*table{}}
	for _, set := range opts {
		if set != nil {
			set(s)
		}
	}
	return s
}

type store struct {
	mem  arrowmem.Allocator
	now  func() time.Time
	seed maphash.Seed // of every hash of ids

	mu     sync.RWMutex // guards what follows, held for moments only
	tables map[core.FeatureKey]*table
	users  int // operations and loops that touch arrays
	closed bool
}

var _ core.Store = (*store)(nil)

// Resolve reads the upstream and the feature through this store.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Increment{}, wrap(core.OpResolve, req.Key(), err)
	}
	inc, err := resolve.ByReading(ctx, s, req)
	return inc, wrap(core.OpResolve, req.Key(), err)
}

// List yields the features as they are when it reaches them.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		s.mu.RLock()
		keys := slices.Sorted(maps.Keys(s.tables))
		s.mu.RUnlock()
		if err := s.check(ctx, nil); err != nil {
			yield(core.Info{}, wrap(core.OpList, "", err))
			return
		}
		for _, key := range keys {
			if !strings.HasPrefix(string(key), req.Prefix) {
				continue
			}
			if err := s.check(ctx, nil); err != nil {
				yield(core.Info{}, wrap(core.OpList, "", err))
				return
			}
			if st, err := s.state(key); err == nil && !yield(st.describe(0), nil) {
				return
			}
		}
	}
}

// Stat describes a feature.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Info{}, wrap(core.OpStat, req.Key, err)
	}
	st, err := s.state(req.Key)
	if err != nil {
		return core.Info{}, wrap(core.OpStat, req.Key, err)
	}
	return st.describe(req.Commits), nil
}

// Capabilities reports what this store does itself.
func (s *store) Capabilities() core.Capabilities {
	return core.Capabilities{
		PushFilters: expr.AllKinds,
		PushColumns: true,
		TimeTravel:  true,
		Evolve:      core.AddColumn | core.WidenColumn | core.RenameColumn,
	}
}

// Close lets go of every feature.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.free()
	return nil
}

// enter keeps the arrays alive until leave.
func (s *store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return core.ErrClosed
	}
	s.users++
	return nil
}

func (s *store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.free()
}

// free releases everything once the store is closed and out of use.
func (s *store) free() {
	if !s.closed || s.users > 0 {
		return
	}
	for _, t := range s.tables {
		t.owned.release()
	}
	clear(s.tables)
}

// check is what every method does before anything else.
func (s *store) check(ctx context.Context, request func() error) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return core.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if request != nil {
		return request()
	}
	return nil
}

// state gives the published state of a feature.
func (s *store) state(key core.FeatureKey) (*state, error) {
	s.mu.RLock()
	t := s.tables[key]
	s.mu.RUnlock()
	if t != nil {
		if st := t.state.Load(); st != nil {
			return st, nil
		}
	}
	return nil, core.ErrFeatureNotFound
}

// table finds or makes the place of a feature. One without a commit does not
// count as a feature.
func (s *store) table(key core.FeatureKey) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[key]
	if t == nil {
		t = &table{key: key, mem: s.mem, byID: map[string]written{}}
		s.tables[key] = t
	}
	return t
}

func wrap(op core.Op, key core.FeatureKey, err error) error {
	return core.WrapError(op, key, name, err)
}
