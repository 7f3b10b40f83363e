//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

func TestEveryTypeComesBack(t *testing.T) {
	s := mustOpen(t, ":memory:")
	defer closeStore(t, s)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		key := fmt.Sprint("types/t", n)
		typ := typeGen(2).Draw(t, "type")
		rows := typedRows(t, typ, rapid.IntRange(1, 30).Draw(t, "rows"))
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: featurePlan(t, key), Rows: rows}); err != nil {
			t.Fatalf("write %s: %v", typ, err)
		}
		comesBack(t, s, key, typ, shown(rows, t))
	})
}

type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

func comesBack(t failer, s core.Store, key string, typ arrow.DataType, want map[int64]string) {
	got, err := s.Read(t.Context(), core.ReadRequest{Key: core.FeatureKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	if f := got.Schema.Field(1); !arrow.TypeEqual(f.Type, typ) {
		t.Fatalf("%s became %s", typ, f.Type)
	}
	have := shown(got, t)
	if len(have) != len(want) {
		t.Fatalf("%s: %d rows, want %d", typ, len(have), len(want))
	}
	for id, v := range want {
		if have[id] != v {
			t.Fatalf("%s: %s was written, %s read", typ, v, have[id])
		}
	}
}

// TestTypesSurviveCompression reads from a file after a checkpoint.
func TestTypesSurviveCompression(t *testing.T) {
	type written struct {
		typ  arrow.DataType
		rows core.Rows
	}
	gen := rapid.Custom(func(t *rapid.T) written {
		typ := typeGen(2).Draw(t, "type")
		return written{typ, typedRows(t, typ, 40)}
	})
	path := filepath.Join(t.TempDir(), "x.duckdb")
	s := mustOpen(t, path)
	var all []written
	for i := range 25 {
		w := gen.Example(i)
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: featurePlan(t, fmt.Sprint("t", i)), Rows: w.rows}); err != nil {
			t.Fatalf("write %s: %v", w.typ, err)
		}
		all = append(all, w)
	}
	closeStore(t, s)
	s = mustOpen(t, path)
	defer closeStore(t, s)
	for i, w := range all {
		comesBack(t, s, fmt.Sprint("t", i), w.typ, shown(w.rows, t))
	}
}

func featurePlan(t interface{ Fatal(...any) }, key string) *core.Plan {
	g, err := core.NewGraph(core.NewFeature(key))
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan(core.FeatureKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
