package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

func sentinels(err error) (n int) {
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			n++
		}
	}
	return n
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

func TestCapabilitiesAndResolve(t *testing.T) {
	s := newStore(t)
	if c := s.Capabilities(); c.NativeResolve || c.Durable || !c.TimeTravel || !c.PushFilters.Has(expr.AllKinds) {
		t.Errorf("%+v", c)
	}
	if _, err := s.Resolve(t.Context(), core.ResolveRequest{}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a zero request: %v", err)
	}
}
