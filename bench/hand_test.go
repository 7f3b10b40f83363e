package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// What is compared must be the same answer: every sample, its kind, its
// digests, and by what it is stale.
func TestHandWrittenSQLGivesTheSameAnswer(t *testing.T) {
	ctx := context.Background()
	const n = 3000
	all, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range all {
		for _, ph := range []phase{phaseNew, phaseStale, phaseStretch} {
			t.Run(sh.name+" "+ph.name, func(t *testing.T) {
				b := &bench{dir: t.TempDir(), log: t.Logf}
				file, err := b.template(ctx, sh, ph, n)
				if err != nil {
					t.Fatal(err)
				}
				native, universal := resolved(t, file, sh, ph, n)
				if !maps.Equal(native, universal) {
					t.Fatalf("native and universal differ: %s", difference(native, universal))
				}
				for _, h := range hands() {
					copied := filepath.Join(b.dir, "copy.duckdb")
					if err := copyFile(file, copied); err != nil {
						t.Fatal(err)
					}
					a, err := runHand(ctx, copied, h, sh, ph)
					if err != nil {
						t.Fatal(h.name, err)
					}
					got := map[int64]string{}
					for _, batch := range a.batches {
						fromHand(got, batch, len(sh.plan(sh.leaf).Containers))
					}
					a.release()
					if !maps.Equal(native, got) {
						t.Errorf("%s: %s", h.name, difference(native, got))
					}
				}
			})
		}
	}
}

func resolved(t *testing.T, file string, sh shape, ph phase, n int64) (native, universal map[int64]string) {
	t.Helper()
	ctx := context.Background()
	s, err := duckdb.Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	req := core.ResolveRequest{Plan: sh.plan(sh.leaf)}
	a, err := s.Resolve(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := resolve.ByReading(ctx, s, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := ph.check(a.Stats, n); err != nil {
		t.Error(err)
	}
	return fromIncrement(t, a), fromIncrement(t, b)
}

func fromIncrement(t *testing.T, inc core.Increment) map[int64]string {
	t.Helper()
	out := map[int64]string{}
	for kind, rows := range []core.Rows{inc.New, inc.Stale, inc.Orphaned} {
		for b, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			ids := column(b, core.DefaultID).(*array.Int64)
			for i := range int(b.NumRows()) {
				text := fmt.Sprint(kind)
				if dv, ok := column(b, core.ColDataVersion).(*array.Struct); ok {
					for f := range dv.NumField() {
						text += " " + dv.Field(f).ValueStr(i)
					}
				}
				if stale := column(b, core.ColStale); stale != nil {
					text += " " + stale.ValueStr(i)
				}
				out[ids.Value(i)] = text
			}
		}
	}
	return out
}

func fromHand(out map[int64]string, b arrow.RecordBatch, containers int) {
	ids := b.Column(1).(*array.Int64)
	for i := range int(b.NumRows()) {
		text := b.Column(0).ValueStr(i)
		for c := range containers {
			text += " " + b.Column(2+c).ValueStr(i)
		}
		if stale := b.Column(2 + containers); text[0] == '1' {
			text += " " + stale.ValueStr(i)
		}
		out[ids.Value(i)] = text
	}
}

func column(b arrow.RecordBatch, name string) arrow.Array {
	at := b.Schema().FieldIndices(name)
	if len(at) == 0 {
		return nil
	}
	return b.Column(at[0])
}

func difference(want, got map[int64]string) string {
	for id, w := range want {
		if got[id] != w {
			return fmt.Sprintf("%d and %d samples; sample %d is %q and %q", len(want), len(got), id, w, got[id])
		}
	}
	return fmt.Sprintf("%d and %d samples", len(want), len(got))
}
