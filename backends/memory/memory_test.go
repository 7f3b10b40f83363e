package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// newStore is a store whose memory is counted: the test fails when some is
// left after Close.
func newStore(t *testing.T, opts ...memory.Option) core.Store {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	s := memory.New(append(opts, memory.Allocator(mem))...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	})
	return s
}

// simple are rows of ids with one user column and one version.
func simple(version string, ids ...int64) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "double", Type: arrow.PrimitiveTypes.Int64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
	}, nil)
	b := array.NewRecordBuilder(arrowmem.DefaultAllocator, schema)
	defer b.Release()
	for _, id := range ids {
		b.Field(0).(*array.Int64Builder).Append(id)
		b.Field(1).(*array.Int64Builder).Append(2 * id)
		dv := b.Field(2).(*array.StructBuilder)
		dv.Append(true)
		dv.FieldBuilder(0).(*array.StringBuilder).Append(version)
	}
	return core.RowsOf(schema, b.NewRecordBatch())
}

func idsOf(t *testing.T, s core.Store, req core.ReadRequest) []string {
	t.Helper()
	req.Columns = []string{"sample_id", core.ColDataVersion}
	batches := collect(t, s, req)
	defer core.ReleaseAll(batches)
	out := []string{}
	for _, b := range batches {
		out = append(out, printRows(b)...)
	}
	return out
}

func wantRows(t *testing.T, s core.Store, req core.ReadRequest, want ...string) {
	t.Helper()
	if got := idsOf(t, s, req); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

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
			if got := sentinels(err); got > 1 || tc.want != boom && tc.want != context.Canceled && got != 1 {
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

func sentinels(err error) (n int) {
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			n++
		}
	}
	return n
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

func TestClockAndTimeTravel(t *testing.T) {
	times := []time.Time{time.Unix(100, 500), time.Unix(90, 0), time.Unix(200, 0)}
	i := 0
	s := newStore(t, memory.Clock(func() time.Time { i++; return times[i-1] }))
	plan := planOf(t, core.NewFeature("f/x"))
	for v := range times {
		c := write(t, s, core.WriteRequest{Plan: plan, Rows: simple(fmt.Sprint("v", v), int64(v), 9)})
		if want := max(times[v].Unix(), 100); !c.Time.Equal(time.Unix(want, 0)) || c.Time.Location() != time.UTC {
			t.Errorf("commit %d at %v", c.Seq, c.Time)
		}
	}
	wantRows(t, s, core.ReadRequest{Key: "f/x", AsOf: core.AtTime(time.Unix(99, 0))})
	wantRows(t, s, core.ReadRequest{Key: "f/x", AsOf: core.AtTime(time.Unix(100, 0))}, "0 v0", "1 v1", "9 v1")
	wantRows(t, s, core.ReadRequest{Key: "f/x", AsOf: core.AtCommit(1)}, "0 v0", "9 v0")
	wantRows(t, s, core.ReadRequest{Key: "f/x", AsOf: core.AtTime(time.Unix(1e6, 0))}, "0 v0", "1 v1", "2 v2", "9 v2")
	if _, err := s.Read(t.Context(), core.ReadRequest{Key: "f/x", AsOf: core.AtCommit(4)}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("beyond the last commit: %v", err)
	}
}

func TestListAndStat(t *testing.T) {
	s := newStore(t)
	for _, key := range []string{"b/x", "a/z", "a/b", "c"} {
		write(t, s, core.WriteRequest{Plan: planOf(t, core.NewFeature(key)), Rows: simple("v", 1), Basis: core.Basis{"up": 3}})
	}
	list := func(ctx context.Context, prefix string) (keys []string, last error) {
		for info, err := range s.List(ctx, core.ListRequest{Prefix: prefix}) {
			if err != nil {
				return keys, err
			}
			keys = append(keys, string(info.Key))
		}
		return keys, nil
	}
	if keys, err := list(t.Context(), ""); err != nil || !slices.Equal(keys, []string{"a/b", "a/z", "b/x", "c"}) {
		t.Errorf("%v, %v", keys, err)
	}
	if keys, err := list(t.Context(), "a/"); err != nil || !slices.Equal(keys, []string{"a/b", "a/z"}) {
		t.Errorf("%v, %v", keys, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if keys, err := list(ctx, ""); len(keys) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", keys, err)
	}
	info, err := s.Stat(t.Context(), core.StatRequest{Key: "c", Commits: 5})
	if err != nil || len(info.Log) != 1 || info.Log[0].Basis["up"] != 3 || info.Bytes != info.Log[0].Bytes || info.Bytes == 0 {
		t.Errorf("%+v, %v", info, err)
	}
	info.Log[0].Basis["up"], info.ID[0] = 4, "x" // the caller's copy
	if info, _ = s.Stat(t.Context(), core.StatRequest{Key: "c", Commits: -1}); info.Log[0].Basis["up"] != 3 || info.ID[0] != "sample_id" {
		t.Errorf("Stat gave away the store's own: %+v", info)
	}
}

func TestEveryWidening(t *testing.T) {
	widths := []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary,
	}
	plan := planOf(t, core.NewFeature("f/types"))
	for _, from := range widths {
		for _, to := range widths {
			values := `[1,null,100]`
			if from.ID() == arrow.STRING || from.ID() == arrow.LARGE_STRING || from.ID() == arrow.BINARY || from.ID() == arrow.LARGE_BINARY {
				values = `["aGV5",null,"MTAw"]`
			}
			s := newStore(t)
			batch := typedRows(t, arrowmem.DefaultAllocator, from, values)
			write(t, s, core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)})
			_, err := s.Evolve(t.Context(), core.EvolveRequest{Key: plan.Key(), Base: 1, Changes: []core.SchemaChange{{Kind: core.WidenColumn, Column: "value", Type: to}}})
			if core.Widens(from, to) != (err == nil) || err != nil && !errors.Is(err, core.ErrInvalid) {
				t.Errorf("%s to %s: %v", from, to, err)
				continue
			}
			got := collect(t, s, core.ReadRequest{Key: plan.Key()})
			for i := range 3 {
				if got[0].Column(1).ValueStr(i) != batch.Column(1).ValueStr(i) {
					t.Errorf("%s to %s: row %d is %s", from, to, i, got[0].Column(1).ValueStr(i))
				}
			}
			core.ReleaseAll(got)
		}
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

func TestCapabilitiesAndResolve(t *testing.T) {
	s := newStore(t)
	if c := s.Capabilities(); c.NativeResolve || c.Durable || !c.TimeTravel || !c.PushFilters.Has(expr.AllKinds) {
		t.Errorf("%+v", c)
	}
	if _, err := s.Resolve(t.Context(), core.ResolveRequest{}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a zero request: %v", err)
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
