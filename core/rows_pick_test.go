package core_test

import (
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

func TestPick(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.BinaryTypes.String}, {Name: "c", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	build := array.NewRecordBuilder(mem, schema)
	defer build.Release()
	for i := range 3 {
		build.Field(0).(*array.Int64Builder).Append(int64(i))
		build.Field(1).(*array.StringBuilder).Append("x")
		build.Field(2).(*array.Int64Builder).Append(int64(10 * i))
	}
	batch := build.NewRecordBatch()
	defer batch.Release()
	rows := core.RowsOf(schema, batch, batch).Pick(2, 0)
	if !rows.Replayable || rows.Schema.NumFields() != 2 || rows.Schema.Field(0).Name != "c" || rows.Schema.Field(1).Name != "a" {
		t.Errorf("picked %s, replayable %v", rows.Schema, rows.Replayable)
	}
	for range 2 {
		if n, err := rows.Count(); n != 6 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
	}
	for b, err := range rows.All() {
		if err != nil || b.Column(0).(*array.Int64).Value(2) != 20 || b.Column(1).(*array.Int64).Value(2) != 2 {
			t.Errorf("%v, %v", b, err)
		}
		break
	}
	if n, err := core.RowsOf(schema, batch).Pick().Count(); n != 3 || err != nil {
		t.Errorf("no column: %d rows, %v", n, err)
	}
	broken := core.Rows{Schema: schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		if yield(batch, nil) {
			yield(nil, core.ErrUnavailable)
		}
	}}
	if n, err := broken.Pick(1).Count(); n != 3 || !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("rows that end with an error: %d, %v", n, err)
	}
}
