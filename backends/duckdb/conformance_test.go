//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// paths remembers which file a store is on, for Reopen.
type paths struct {
	mu sync.Mutex
	of map[core.Store]string
}

func (p *paths) open(t testing.TB, path string) core.Store {
	s, err := duckdb.Open(t.Context(), path, duckdb.Threads(2), duckdb.Allocator(storetest.Allocator(t)))
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[s] = path
	return s
}

func (p *paths) path(s core.Store) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[s]
}

func TestConformance(t *testing.T) {
	p := &paths{of: map[core.Store]string{}}
	storetest.Run(t, storetest.Config{
		New: func(t testing.TB) core.Store { return p.open(t, filepath.Join(t.TempDir(), "store.duckdb")) },
		Reopen: func(t testing.TB, s core.Store) core.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return p.open(t, p.path(s))
		},
		Native: true,
		Kill:   func(t testing.TB, dir string) core.Store { return p.open(t, filepath.Join(dir, "store.duckdb")) },
	})
}
