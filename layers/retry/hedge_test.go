package retry_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/retry"
	"github.com/metaxy-go/metaxy/storetest"
)

// racing delays the first batch of the nth read, counts the streams that are
// open, and calls before ahead of a read. It embeds a Store, which a layer must
// not, because it is only ever a test's.
type racing struct {
	core.Store
	delays []time.Duration
	before func(n int)
	reads  atomic.Int64
	open   atomic.Int64
}

func (r *racing) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	n := int(r.reads.Add(1))
	if r.before != nil {
		r.before(n)
	}
	rows, err := r.Store.Read(ctx, req)
	inner := rows.Batches
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		r.open.Add(1)
		defer r.open.Add(-1)
		select {
		case <-time.After(r.delays[n-1]):
			inner(yield)
		case <-ctx.Done():
			yield(nil, ctx.Err())
		}
	}
	return rows, err
}

// hedged is a store that reads a second time after a second, over reads with
// these delays.
func hedged(t *testing.T, delays ...time.Duration) (core.Store, *racing) {
	t.Helper()
	bare := memory.New()
	t.Cleanup(func() { _ = bare.Close() })
	if _, err := bare.Write(t.Context(), write(t, "", 0, 10)); err != nil {
		t.Fatal(err)
	}
	below := &racing{Store: bare, delays: delays}
	store, err := retry.New(retry.Hedge(time.Second)).Wrap(below)
	if err != nil {
		t.Fatal(err)
	}
	return store, below
}

// The slower of two reads is closed while the rows of the faster are consumed.
func TestLoserEndsAtOnce(t *testing.T) {
	for name, delays := range map[string][]time.Duration{
		"the second wins": {time.Hour, 0},
		"the first wins":  {2 * time.Second, time.Hour},
		"both at once":    {2 * time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, below := hedged(t, delays...)
				began := time.Now()
				err := loop(t, store, core.OpRead, func() {
					synctest.Wait()
					if n := below.open.Load(); n != 1 {
						t.Errorf("%d streams are open below while one is consumed", n)
					}
				})
				if err != nil || below.reads.Load() != 2 || below.open.Load() != 0 || time.Since(began) > 2*time.Second {
					t.Errorf("%v, %d reads, %d open after %s", err, below.reads.Load(), below.open.Load(), time.Since(began))
				}
			})
		})
	}
}

// A second read whose rows have another schema than was promised gives none,
// and does not spoil the first.
func TestSecondReadOfAnotherSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, below := hedged(t, time.Minute, 0)
		below.before = func(n int) {
			if n == 2 {
				_, err := below.Evolve(t.Context(), core.EvolveRequest{Key: storetest.KeyVideo, Base: 1, Changes: []core.SchemaChange{
					{Kind: core.AddColumn, Column: "extra", Type: arrow.PrimitiveTypes.Int64},
				}})
				if err != nil {
					t.Error(err)
				}
			}
		}
		rows, err := store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for b, err := range rows.Batches {
			if err != nil {
				t.Fatal(err)
			}
			if !core.SameColumns(b.Schema(), rows.Schema) {
				t.Fatalf("a batch of %s, want %s", b.Schema(), rows.Schema)
			}
			n += b.NumRows()
		}
		if n != 10 || below.reads.Load() != 2 {
			t.Errorf("%d rows of %d reads", n, below.reads.Load())
		}
	})
}

// Rows that a closed store, an ended context or an open circuit keeps anybody
// from reading hold nothing below.
func TestRowsThatNobodyMayRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctxBelow context.Context
		fault := storetest.Fault()
		bare := storetest.Populated(t)
		below, err := fault.Wrap(&seeing{Store: bare, read: func(ctx context.Context) { ctxBelow = ctx }})
		if err != nil {
			t.Fatal(err)
		}
		store, err := retry.New(retry.Attempts(1), retry.Breaker(1, time.Minute)).Wrap(below)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
		if err != nil || ctxBelow.Err() != nil {
			t.Fatal(err, ctxBelow.Err())
		}
		fault.Set(down())
		_ = call(t, store, core.OpStat)
		_, err = rows.Count()
		refused(t, "rows of before", err, true)
		if !errors.Is(ctxBelow.Err(), context.Canceled) {
			t.Error("the read below goes on")
		}
	})
}

// seeing shows the context of a read, and gives its rows an origin.
type seeing struct {
	core.Store
	read func(ctx context.Context)
}

func (s *seeing) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	s.read(ctx)
	rows, err := s.Store.Read(ctx, req)
	rows.Origin = "prod"
	return rows, err
}

func TestRowsKeepTheirOrigin(t *testing.T) {
	store, err := retry.New().Wrap(&seeing{Store: storetest.Populated(t), read: func(context.Context) {}})
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := store.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo}); err != nil || rows.Origin != "prod" {
		t.Errorf("origin %q, %v", rows.Origin, err)
	}
}
