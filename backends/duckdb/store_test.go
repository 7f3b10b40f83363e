//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// TestTwoStoresOfOneProcess write the same feature at once through stores that share a database.
func TestTwoStoresOfOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	var stores []core.Store
	for range 3 {
		s := mustOpen(t, path)
		defer closeStore(t, s)
		stores = append(stores, s)
	}
	const each = 8
	var wg sync.WaitGroup
	for w, s := range stores {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "root"), Rows: rootRows(i, i+100, fmt.Sprint(w))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	info, err := stores[0].Stat(t.Context(), core.StatRequest{Key: "root", Commits: -1})
	if err != nil || info.Generation != each*int64(len(stores)) || info.Rows != each-1+100 || len(info.Log) != each*len(stores) {
		t.Errorf("%d commits, %d rows, %v", info.Generation, info.Rows, err)
	}
	if n := count(t, stores[1], core.ReadRequest{Key: "root"}); n != info.Rows {
		t.Errorf("%d rows are read, %d counted", n, info.Rows)
	}
}

func TestLargeWritesAreStreamed(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.duckdb"))
	defer closeStore(t, s)
	write(t, s, "root", rootRows(0, 700_000, "a"))
	write(t, s, "root", rootRows(300_000, 1_000_000, "b"))
	if n := count(t, s, core.ReadRequest{Key: "root", Filter: expr.Col("n").Ge(0)}); n != 1_000_000 {
		t.Errorf("%d rows, want 1000000", n)
	}
	if n := count(t, s, core.ReadRequest{Key: "root", AsOf: core.AtCommit(1)}); n != 700_000 {
		t.Errorf("as of commit 1: %d rows, want 700000", n)
	}
	if n := count(t, s, core.ReadRequest{Key: "root", Filter: expr.Col("data_version.default").HasPrefix("a-")}); n != 300_000 {
		t.Errorf("%d rows of the first write are left, want 300000", n)
	}

	// Far apart, so that they come in different batches, and after the writer has begun to insert.
	twice := core.Rows{Schema: rootSchema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for _, part := range [][2]int{{0, 450_000}, {250_000, 250_001}} {
			for b, err := range rootRows(part[0], part[1], "c").Batches {
				if !yield(b, err) {
					return
				}
			}
		}
	}}
	_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "root"), Rows: twice})
	if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), "rows 250001 and 450001") {
		t.Errorf("a repeated id: %v", err)
	}
	if info, err := s.Stat(t.Context(), core.StatRequest{Key: "root"}); err != nil || info.Generation != 2 {
		t.Errorf("after a refused write: generation %d, %v", info.Generation, err)
	}
}

func TestCancelIsPrompt(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.duckdb"))
	defer closeStore(t, s)
	write(t, s, "root", rootRows(0, 1_000_000, "a"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	var err error
	for err == nil {
		_, err = s.Resolve(ctx, core.ResolveRequest{Plan: planOf(t, "leaf")})
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled resolve: %v", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("a cancelled resolve took %v", took)
	}
}

func TestIncrementSpills(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.duckdb"), duckdb.IncrementMemory(1<<20))
	write(t, s, "root", rootRows(0, 200_000, "a"))
	inc, err := s.Resolve(t.Context(), core.ResolveRequest{Plan: planOf(t, "leaf"), Columns: []string{"n"}})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	for range 2 {
		seen := map[int64]bool{}
		for b, err := range inc.New.All() {
			if err != nil {
				t.Fatal(err)
			}
			ids, ns := b.Column(0).(*array.Int64), b.Column(1).(*array.Int64)
			for i := range ids.Len() {
				seen[ids.Value(i)] = true
				if ns.Value(i) != 7*ids.Value(i) {
					t.Fatalf("sample %d carries %d", ids.Value(i), ns.Value(i))
				}
			}
		}
		if len(seen) != 200_000 || inc.Stats.New != 200_000 {
			t.Errorf("%d samples, counted %d, want 200000", len(seen), inc.Stats.New)
		}
	}
}
