package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func TestReadShowsTheStateOfItsCall(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 1, 2, 3)})
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 4, 5)})
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "f/x", Columns: []string{"sample_id", core.ColDataVersion}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []string
		for b, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, printRows(b)...)
			// Writes and migrations during the loop.
			write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v2", 2, 5, 6)})
		}
		if !slices.Equal(got, []string{"1 v1", "2 v1", "3 v1", "4 v1", "5 v1"}) {
			t.Errorf("got %q", got)
		}
	}
	wantRows(t, s, core.ReadRequest{Key: "f/x"}, "1 v1", "3 v1", "4 v1", "2 v2", "5 v2", "6 v2")
	if _, err := s.Evolve(t.Context(), core.EvolveRequest{Key: "f/x", Base: 1, Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: "double", To: "twice"}}}); err != nil {
		t.Fatal(err)
	}
	if n, err := rows.Count(); n != 5 || err != nil {
		t.Errorf("after a migration: %d rows, %v", n, err)
	}
}

func TestAWriteMayReadFromItsOwnFeature(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 1, 2)})
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "f/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c := write(t, s, core.WriteRequest{Plan: plan, Rows: rows}); c.Rows != 2 {
		t.Errorf("%+v", c)
	}
}

func TestCloseWhileReading(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	s := memory.New(memory.Allocator(mem))
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 1, 2)})
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 3)})
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "f/x"})
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	var kept arrow.RecordBatch
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		n += b.NumRows()
		if n == 3 {
			kept = b
			kept.Retain()
		}
	}
	if n != 3 || kept.Column(0).(*array.Int64).Value(0) != 3 {
		t.Errorf("%d rows, the last %v", n, kept)
	}
	kept.Release()
	mem.AssertSize(t, 0)

	if _, err := rows.Count(); !errors.Is(err, core.ErrClosed) {
		t.Errorf("ranged after Close: %v", err)
	}
	ctx := t.Context()
	_, errWrite := s.Write(ctx, core.WriteRequest{})
	_, errRead := s.Read(ctx, core.ReadRequest{})
	_, errResolve := s.Resolve(ctx, core.ResolveRequest{})
	_, errStat := s.Stat(ctx, core.StatRequest{})
	_, errEvolve := s.Evolve(ctx, core.EvolveRequest{})
	var errList error
	for _, err := range s.List(ctx, core.ListRequest{}) {
		errList = err
	}
	for i, err := range []error{errWrite, errRead, errResolve, errStat, errEvolve, errList} {
		if !errors.Is(err, core.ErrClosed) {
			t.Errorf("operation %d after Close: %v", i, err)
		}
	}
}

func TestLeavingALoopReleases(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 1, 2)})
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v2", 2, 3)})
	req := core.ReadRequest{Key: "f/x", Columns: []string{"sample_id", core.ColWrittenAt, core.ColFeatureVersion}}
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for range rows.All() {
		break
	}
	func() {
		defer func() { _ = recover() }()
		for range rows.All() {
			panic("in the loop body")
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	if rows, err = s.Read(ctx, req); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := rows.Count(); !errors.Is(err, context.Canceled) || sentinels(err) != 0 {
		t.Errorf("cancelled between Read and the loop: %v", err)
	}
	if _, err := s.Read(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before Read: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v", 0, 1, 2, 3)})
	write(t, s, core.WriteRequest{Plan: planOf(t, core.NewFeature("f/y")), Rows: simple("v", 0)})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 25 {
				c, err := s.Write(t.Context(), core.WriteRequest{Plan: plan, ID: fmt.Sprint("w", i), Rows: simple(fmt.Sprint("v", i), 1, 2, int64(10+i))})
				if err != nil || c.ID != fmt.Sprint("w", i) {
					t.Errorf("writer %d: %+v, %v", w, c, err)
				}
			}
		})
		all.Go(func() { // every state has each sample once and commits that never go back
			last := int64(0)
			for range 50 {
				rows, err := s.Read(t.Context(), core.ReadRequest{Key: "f/x", Columns: []string{"sample_id", core.ColCommit}, Filter: expr.Col("sample_id").Le(2)})
				if err != nil {
					t.Error(err)
					return
				}
				n, newest := 0, int64(0)
				for b, err := range rows.All() {
					if err != nil {
						t.Error(err)
						return
					}
					n += int(b.NumRows())
					for _, c := range b.Column(1).(*array.Int64).Int64Values() {
						newest = max(newest, c)
					}
				}
				if n != 3 || newest < last {
					t.Errorf("reader: %d rows, commit %d after %d", n, newest, last)
				}
				last = newest
			}
		})
	}
	var wins, conflicts int
	var mu sync.Mutex
	for e := range 3 {
		all.Go(func() {
			_, err := s.Evolve(t.Context(), core.EvolveRequest{Key: "f/y", Base: 1, Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: fmt.Sprint("c", e), Type: arrow.PrimitiveTypes.Int8}}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				wins++
				return
			}
			if errors.Is(err, core.ErrConflict) {
				conflicts++
			}
		})
	}
	all.Wait()
	if wins != 1 || conflicts != 2 {
		t.Errorf("%d migrations won, %d were conflicts", wins, conflicts)
	}
}
