package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// tapped notes what it is asked, and answers through a memory store.
type tapped struct {
	next  core.Store
	reads []core.ReadRequest
	stats int
	caps  core.Capabilities
	rows  int64 // what Stat says, -2: the truth
}

func (s *tapped) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	s.reads = append(s.reads, req)
	return s.next.Read(ctx, req)
}

func (s *tapped) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	s.stats++
	info, err := s.next.Stat(ctx, req)
	if s.rows > -2 {
		info.Rows = s.rows
	}
	return info, err
}

func (s *tapped) Capabilities() core.Capabilities { return s.caps }

// scanned is a store of one feature with two commits: 1 2 3, then 3 4 5.
func scanned(t *testing.T) *tapped {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	s := memory.New(memory.Allocator(mem))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	})
	plan := planOf(t, graphOf(t, core.NewFeature("f/x")), "f/x")
	schema := fieldsOf(field("sample_id", whole), field("region", text), field("data_version", core.DataVersionType([]string{"default"})))
	for _, rows := range []string{
		`[{"sample_id":1,"region":"us","data_version":{"default":"v1"}},{"sample_id":2,"region":"eu","data_version":{"default":"v1"}},{"sample_id":3,"region":"us","data_version":{"default":"v1"}}]`,
		`[{"sample_id":3,"region":"eu","data_version":{"default":"v2"}},{"sample_id":4,"region":"us","data_version":{"default":"v2"}},{"sample_id":5,"region":"us","data_version":{"default":"v2"}}]`,
	} {
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batchOf(t, schema, rows))}); err != nil {
			t.Fatal(err)
		}
	}
	return &tapped{next: s, caps: s.Capabilities(), rows: -2}
}

// tapped is a Store whose other methods are not asked here.
func (s *tapped) store() core.Store {
	return struct {
		*tapped
		unasked
	}{s, unasked{}}
}

type unasked struct{ core.Store }

func scanIDs(t *testing.T, f core.Frame) []int64 {
	t.Helper()
	batches, err := f.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer core.ReleaseAll(batches)
	ids := []int64{}
	for _, b := range batches {
		ids = append(ids, b.Column(b.Schema().FieldIndices("sample_id")[0]).(*array.Int64).Int64Values()...)
	}
	return ids
}

func TestScan(t *testing.T) {
	tap := scanned(t)
	all := core.Scan(tap.store(), "f/x")
	us := all.Filter(expr.Col("region").Eq("us")).Filter(nil).Where("sample_id > 1")
	_ = us.Select("region").Explain()
	if len(tap.reads)+tap.stats != 0 {
		t.Fatalf("asked before Rows: %v", tap.reads)
	}
	for name, tc := range map[string]struct {
		frame core.Frame
		want  []int64
	}{
		"all":          {all, []int64{1, 2, 3, 4, 5}},
		"filtered":     {us, []int64{4, 5}},
		"columns":      {us.Select("metaxy_commit", "sample_id"), []int64{4, 5}},
		"the past":     {us.AsOf(core.AtCommit(1)), []int64{3}},
		"history":      {us.History().Local(), []int64{3, 4, 5}},
		"no rows":      {all.Limit(0), []int64{}},
		"one":          {all.Limit(1), []int64{1}},
		"a batch":      {all.Limit(2), []int64{1, 2}},
		"into a batch": {all.Limit(4), []int64{1, 2, 3, 4}},
		"lowest limit": {all.Limit(2).Limit(9), []int64{1, 2}},
		"beyond":       {all.Limit(1 << 40), []int64{1, 2, 3, 4, 5}},
	} {
		if got := scanIDs(t, tc.frame); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		if n, err := tc.frame.Count(t.Context()); n != int64(len(tc.want)) || err != nil {
			t.Errorf("%s: count %d, %v", name, n, err)
		}
	}
	// The filters went down as one, and frames do not change each other.
	if req := us.Request(); !expr.Equal(req.Filter, expr.And(expr.Col("region").Eq("us"), expr.Col("sample_id").Gt(1))) || req.Columns != nil {
		t.Errorf("%+v", req)
	}
	chosen := all.Select("region", "sample_id")
	chosen.Request().Columns[0] = "changed"
	if got := chosen.Request().Columns; got[0] != "region" {
		t.Errorf("the frame's columns are now %v", got)
	}
	if got := chosen.Select().Request().Columns; got != nil {
		t.Errorf("all columns again: %v", got)
	}
}

func TestScanLimitLeavesEarly(t *testing.T) {
	tap := scanned(t)
	rows, err := core.Scan(tap.store(), "f/x").Limit(2).Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // still replayable
		n := 0
		for b, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			n += int(b.NumRows())
		}
		if n != 2 || !rows.Replayable {
			t.Errorf("%d rows", n)
		}
	}
	for range rows.All() {
		break
	}
}

func TestScanCountAsksForLittle(t *testing.T) {
	tap := scanned(t)
	f := core.Scan(tap.store(), "f/x")
	if n, err := f.Count(t.Context()); n != 5 || err != nil || tap.stats != 1 || len(tap.reads) != 0 {
		t.Errorf("%d, %v: %d reads", n, err, len(tap.reads))
	}
	tap.rows = -1 // the store does not know
	if n, err := f.Limit(3).Count(t.Context()); n != 3 || err != nil || len(tap.reads) != 1 || !slices.Equal(tap.reads[0].Columns, []string{core.ColCommit}) {
		t.Errorf("%d, %v: %+v", n, err, tap.reads)
	}
}

func TestScanMistakes(t *testing.T) {
	tap := scanned(t)
	good := core.Scan(tap.store(), "f/x")
	for name, tc := range map[string]struct {
		frame core.Frame
		want  error
		text  string
	}{
		"no store":         {core.Scan(nil, "f/x"), core.ErrInvalid, "no store"},
		"the zero frame":   {core.Frame{}, core.ErrInvalid, "no store"},
		"a bad key":        {core.Scan(tap.store(), "F"), core.ErrInvalid, "part 1"},
		"no such feature":  {core.Scan(tap.store(), "f/y"), core.ErrFeatureNotFound, "not found"},
		"bad text":         {good.Where("region = 'secret' AND"), core.ErrInvalid, "filter:1:"},
		"the first one":    {good.Where("region =").Where("sample_id >>").Limit(-1), core.ErrInvalid, "filter:1:9"},
		"a negative limit": {good.Limit(-1), core.ErrInvalid, "limit of -1"},
		"a bad column":     {good.Select("regoin"), core.ErrInvalid, `did you mean "region"?`},
		"a bad moment":     {good.AsOf(core.AtCommit(9)), core.ErrInvalid, "the last is 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errRows := tc.frame.Rows(t.Context())
			_, errCollect := tc.frame.Collect(t.Context())
			errs := []error{errRows, errCollect}
			if name != "a bad column" { // a count has no use for it
				_, errCount := tc.frame.Count(t.Context())
				errs = append(errs, errCount)
			}
			for _, err := range errs {
				var e *core.Error
				if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || !errors.As(err, &e) || e.Op != core.OpRead && e.Op != core.OpStat {
					t.Errorf("%v, want %q", err, tc.text)
				}
			}
			_ = tc.frame.Explain() // never panics
		})
	}
	var e *expr.Error
	if _, err := good.Where("region = 'secret' AND").Rows(t.Context()); !errors.As(err, &e) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	failing := core.Rows{Schema: fieldsOf(field("n", whole)), Batches: func(yield func(arrow.RecordBatch, error) bool) { yield(nil, errBoom) }}
	if _, err := core.Scan(readsFrom{rows: failing}, "f/x").Limit(3).Collect(t.Context()); !errors.Is(err, errBoom) {
		t.Error(err)
	}
}

// readsFrom is a store that always reads the same.
type readsFrom struct {
	core.Store
	rows core.Rows
}

func (s readsFrom) Read(context.Context, core.ReadRequest) (core.Rows, error) { return s.rows, nil }

func TestExplain(t *testing.T) {
	tap := scanned(t)
	f := core.Scan(tap.store(), "f/x").Select("sample_id", "region").Where("region = 'secret' AND region LIKE 'x%' AND sample_id > 7").
		AsOf(core.AtTime(time.Unix(0, 0))).Local().Limit(10)
	for want, caps := range map[string]core.Capabilities{
		`scan f/x as of 1970-01-01T00:00:00Z, without fallbacks
  storage   columns sample_id, region
  storage   filter region = ?
  storage   filter sample_id > ?
  memory    filter region LIKE ?
  frame     stops after 10 rows
`: {PushColumns: true, TimeTravel: true, PushFilters: expr.KindCompare | expr.KindRange},
		`scan f/x as of 1970-01-01T00:00:00Z, without fallbacks
  storage   all columns
  memory    filter region = ?
  memory    filter region LIKE ?
  memory    filter sample_id > ?
  memory    columns sample_id, region
  refused   this store keeps no history
  frame     stops after 10 rows
`: {},
	} {
		tap.caps = caps
		if got := f.Explain(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	if got := f.Where("x >").Explain(); !strings.Contains(got, "invalid") || strings.Contains(got, "secret") {
		t.Error(got)
	}
}
