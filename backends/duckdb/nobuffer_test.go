//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestArraysWithoutBuffers: an array of no rows, or of nulls alone, may have no
// buffer of values. A write with an id looks at the values to compare them.
func TestArraysWithoutBuffers(t *testing.T) {
	s, err := duckdb.Open(t.Context(), filepath.Join(t.TempDir(), "store.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	plan, err := storetest.Graph().Plan(storetest.KeyVideo)
	if err != nil {
		t.Fatal(err)
	}
	schema := storetest.VideoSchema()
	for id, text := range map[string]string{"empty": "", "nulls": "s000"} {
		var rows [][]any
		if text != "" {
			rows = append(rows, []any{text, nil, nil, nil, nil, nil, []any{"f", "a"}})
		}
		with := storetest.RowsIn(t, memory.DefaultAllocator, 2, schema, rows...)
		batches, err := with.Collect()
		if err != nil {
			t.Fatal(err)
		}
		defer core.ReleaseAll(batches)
		columns := make([]arrow.Array, schema.NumFields())
		for i, f := range schema.Fields() {
			bare := array.NewData(f.Type, len(rows), []*memory.Buffer{memory.NewBufferBytes([]byte{0}), nil}, nil, len(rows), 0)
			if _, fixed := f.Type.(arrow.FixedWidthDataType); fixed {
				columns[i] = array.MakeFromData(bare)
				defer columns[i].Release()
			} else if len(batches) > 0 {
				columns[i] = batches[0].Column(i)
			} else {
				columns[i] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, 0)
				defer columns[i].Release()
			}
			bare.Release()
		}
		b := array.NewRecordBatch(schema, columns, int64(len(rows)))
		defer b.Release()
		req := core.WriteRequest{Plan: plan, ID: id, Rows: core.RowsOf(schema, b)}
		first, err := s.Write(t.Context(), req)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if again, err := s.Write(t.Context(), req); err != nil || again.Seq != first.Seq {
			t.Errorf("%s: repeated: %v %v", id, again, err)
		}
	}
}
