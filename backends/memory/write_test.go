package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func TestRefusedWritesLeaveNothing(t *testing.T) {
	plan := planOf(t, core.NewFeature("f/x"))
	boom := errors.New("boom")
	good := simple("v", 1, 2, 3)
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	batch, _ := good.Collect()
	defer core.ReleaseAll(batch)
	failing := func(err error) core.Rows {
		return core.Rows{Schema: good.Schema, Batches: core.Once(func(yield func(arrow.RecordBatch, error) bool) {
			if !yield(batch[0], nil) {
				return
			}
			if err == nil {
				cancel()
				yield(batch[0].NewSlice(0, 0), nil)
				return
			}
			yield(nil, err)
		})}
	}
	otherPlan := planOf(t, core.NewFeature("f/x", core.ID("double")))
	for _, tc := range []struct {
		name string
		ctx  context.Context
		req  core.WriteRequest
		want error
		text string
	}{
		{"zero request", t.Context(), core.WriteRequest{}, core.ErrInvalid, "no plan"},
		{"zero rows", t.Context(), core.WriteRequest{Plan: plan}, core.ErrInvalid, "no schema"},
		{"source fails", t.Context(), core.WriteRequest{Plan: plan, Rows: failing(boom)}, boom, "boom"},
		{"cancelled midway", cancelled, core.WriteRequest{Plan: plan, Rows: failing(nil)}, context.Canceled, "canceled"},
		{"nil batch", t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(good.Schema, nil)}, core.ErrInvalid, "nil"},
		{"same id in one batch", t.Context(), core.WriteRequest{Plan: plan, Rows: simple("v", 7, 8, 7)}, core.ErrInvalid, "rows 1 and 3"},
		{"same id in two batches", t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(good.Schema, batch[0], batch[0])}, core.ErrInvalid, "rows 1 and 4"},
		{"tombstones of nothing", t.Context(), core.WriteRequest{
			Plan: plan, Tombstones: true,
			Rows: core.Rows{Schema: arrow.NewSchema(good.Schema.Fields()[:1], nil)},
		}, core.ErrFeatureNotFound, ""},
		{"batch of another schema", t.Context(), core.WriteRequest{Plan: otherPlan, Rows: core.RowsOf(good.Schema, mustColumns(batch[0], 0, 2))}, core.ErrInvalid, "promised"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore(t)
			_, err := s.Write(tc.ctx, tc.req)
			var e *core.Error
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || !errors.As(err, &e) || e.Op != core.OpWrite || e.Key != tc.req.Key() {
				t.Fatalf("got %v, want %v with %q", err, tc.want, tc.text)
			}
			if _, err := s.Stat(t.Context(), core.StatRequest{Key: "f/x"}); !errors.Is(err, core.ErrFeatureNotFound) {
				t.Errorf("something is visible: %v", err)
			}
			if got := sentinels(err); got > 1 || slices.Contains(core.Sentinels(), tc.want) && got != 1 {
				t.Errorf("%v matches %d sentinels", err, got)
			}
		})
	}
}

func mustColumns(b arrow.RecordBatch, at ...int) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for _, i := range at {
		fields, columns = append(fields, b.Schema().Field(i)), append(columns, b.Column(i))
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, b.NumRows())
}

func TestRefusedWritesLeaveTheFeatureAsItWas(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v1", 1, 2)})
	renamed := simple("v2", 2)
	renamed.Schema = arrow.NewSchema([]arrow.Field{renamed.Schema.Field(0), {Name: "triple", Type: arrow.PrimitiveTypes.Int64}, renamed.Schema.Field(2)}, nil)
	for name, req := range map[string]core.WriteRequest{
		"a new column":   {Plan: plan, Rows: renamed},
		"other ids":      {Plan: planOf(t, core.NewFeature("f/x", core.ID("double"))), Rows: simple("v2", 2)},
		"duplicate rows": {Plan: plan, Rows: simple("v2", 2, 2)},
		"another type": {Plan: plan, Tombstones: true, Rows: core.Rows{
			Schema: arrow.NewSchema([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, nil),
		}},
	} {
		if _, err := s.Write(t.Context(), req); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRows(t, s, core.ReadRequest{Key: "f/x"}, "1 v1", "2 v1")
	info, err := s.Stat(t.Context(), core.StatRequest{Key: "f/x"})
	if err != nil || info.Generation != 1 || info.SchemaVersion != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestEmptyWriteIsACommit(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/x"))
	c := write(t, s, core.WriteRequest{Plan: plan, Rows: core.Rows{Schema: simple("").Schema}})
	if c.Seq != 1 || c.Rows != 0 {
		t.Errorf("%+v", c)
	}
	wantRows(t, s, core.ReadRequest{Key: "f/x"})
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("v", 1)})
	write(t, s, core.WriteRequest{Plan: plan, Rows: simple("w", 1)})
	wantRows(t, s, core.ReadRequest{Key: "f/x"}, "1 w")
	wantRows(t, s, core.ReadRequest{Key: "f/x", AsOf: core.AtCommit(1)})
}

func TestManyChunks(t *testing.T) {
	s := newStore(t)
	plan := testPlan(t)
	const n = 1<<16 + 1001
	rows := rowsN(arrowmem.DefaultAllocator, 0, n, 10_007, "a")
	c := write(t, s, core.WriteRequest{Plan: plan, ID: "w", Rows: rows})
	if c.Rows != n {
		t.Fatalf("%+v", c)
	}
	// Other batch boundaries are the same rows.
	again := write(t, s, core.WriteRequest{Plan: plan, ID: "w", Rows: rowsN(arrowmem.DefaultAllocator, 0, n, 1<<17, "a")})
	if again.Seq != 1 || again.Bytes != c.Bytes {
		t.Errorf("%+v, first %+v", again, c)
	}
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: plan, ID: "w", Rows: rowsN(arrowmem.DefaultAllocator, 0, n, 1<<17, "b")}); !errors.Is(err, core.ErrConflict) {
		t.Errorf("other rows under the same id: %v", err)
	}
	first, _ := rows.Collect()
	last := first[0].NewSlice(41, 42)
	if _, err := s.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(rows.Schema, append(first, last)...)}); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprintf("rows 42 and %d have", n+1)) {
		t.Errorf("a duplicate in another chunk: %v", err)
	}
	write(t, s, core.WriteRequest{Plan: plan, Rows: rowsN(arrowmem.DefaultAllocator, n/2, n, 1<<16, "b")})
	batches := collect(t, s, core.ReadRequest{Key: plan.Key(), Columns: []string{"sample_id"}})
	defer core.ReleaseAll(batches)
	seen := map[string]bool{}
	for _, b := range batches {
		if b.NumRows() > 1<<16 {
			t.Errorf("a batch of %d rows", b.NumRows())
		}
		for i := range int(b.NumRows()) {
			seen[b.Column(0).ValueStr(i)] = true
		}
	}
	info, err := s.Stat(t.Context(), core.StatRequest{Key: plan.Key()})
	if len(seen) != n/2+n || err != nil || info.Rows != int64(len(seen)) {
		t.Errorf("%d samples, Stat says %d, %v", len(seen), info.Rows, err)
	}
}

func TestVersionsOfEveryTextType(t *testing.T) {
	plan := planOf(t, core.NewFeature("f/x"))
	s := newStore(t)
	for i, dt := range []arrow.DataType{
		arrow.BinaryTypes.LargeString, arrow.BinaryTypes.String, arrow.BinaryTypes.StringView,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String},
	} {
		versions := arrow.StructOf(arrow.Field{Name: "default", Type: dt})
		schema := arrow.NewSchema([]arrow.Field{{Name: core.ColDataVersion, Type: versions}, {Name: "sample_id", Type: arrow.BinaryTypes.String}}, nil)
		batch, _, err := array.RecordFromJSON(arrowmem.DefaultAllocator, schema, strings.NewReader(`[{"sample_id":"a","data_version":{"default":"v1"}}]`))
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batch)})
		wantRows(t, s, core.ReadRequest{Key: "f/x", Filter: expr.Col("data_version.default").Eq("v1")}, "a v1")
		if info, _ := s.Stat(t.Context(), core.StatRequest{Key: "f/x"}); info.Generation != int64(i+1) || info.SchemaVersion != 1 {
			t.Errorf("%s: %+v", dt, info)
		}
	}
}

// TestDictionariesThatDoNotUnify writes batches whose dictionaries together have
// more entries than their index type can count.
func TestDictionariesThatDoNotUnify(t *testing.T) {
	s := newStore(t)
	plan := planOf(t, core.NewFeature("f/types"))
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	var batches []arrow.RecordBatch
	for part := range 3 {
		b := array.NewRecordBuilder(arrowmem.DefaultAllocator, arrow.NewSchema([]arrow.Field{
			{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
			{Name: "value", Type: dt},
			{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
		}, nil))
		for i := range 100 {
			b.Field(0).(*array.Int64Builder).Append(int64(100*part + i))
			if err := b.Field(1).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprint(part, "-", i)); err != nil {
				t.Fatal(err)
			}
			b.Field(2).(*array.StructBuilder).Append(true)
			b.Field(2).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append("v")
		}
		batches = append(batches, b.NewRecordBatch())
	}
	write(t, s, core.WriteRequest{Plan: plan, ID: "w", Rows: core.RowsOf(batches[0].Schema(), batches...)})
	if c := write(t, s, core.WriteRequest{Plan: plan, ID: "w", Rows: core.RowsOf(batches[0].Schema(), batches...)}); c.Seq != 1 || c.Rows != 300 {
		t.Errorf("%+v", c)
	}
	got := collect(t, s, core.ReadRequest{Key: plan.Key(), Filter: expr.Col("value").Eq("2-50")})
	defer core.ReleaseAll(got)
	if len(got) != 1 || got[0].NumRows() != 1 || got[0].Column(0).ValueStr(0) != "250" {
		t.Errorf("read %v", got)
	}
	write(t, s, core.WriteRequest{Plan: plan, Rows: core.RowsOf(batches[0].Schema(), batches[1])})
	if info, err := s.Stat(t.Context(), core.StatRequest{Key: plan.Key()}); err != nil || info.Rows != 300 {
		t.Errorf("%+v, %v", info, err)
	}
}
