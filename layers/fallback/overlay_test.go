package fallback_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

// at makes a store whose commits are a minute apart, on a clock that stores can share.
func at(t *testing.T, clock *time.Time) core.Store {
	t.Helper()
	s := memory.New(memory.Clock(func() time.Time { *clock = clock.Add(time.Minute); return *clock }))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func overlaid(t *testing.T, base core.Store, legs ...core.Store) core.Store {
	t.Helper()
	options := []fallback.Option{fallback.Overlay()}
	for i, l := range legs {
		options = append(options, fallback.Leg([]string{"staging", "prod", "archive"}[i], l))
	}
	return over(t, base, fallback.NewWith(options...))
}

func same(t *testing.T, what string, got, want versions) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestOverlayTimeTravel(t *testing.T) {
	clock := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	base, prod := at(t, &clock), at(t, &clock)
	dev := overlaid(t, base, prod)
	put(t, prod, "a", versions{"x": "p1", "y": "p1"}) // 3:01
	put(t, dev, "a", versions{"x": "d2"})             // 3:02, commit 1
	put(t, prod, "a", versions{"y": "p3", "z": "p3"}) // 3:03
	put(t, dev, "a", versions{"y": ""})               // 3:04, commit 2
	put(t, prod, "a", versions{"z": "p5"})            // 3:05

	now := versions{"x": "d2", "z": "p5"}
	same(t, "now", get(t, dev, core.ReadRequest{Key: "a"}), now)
	same(t, "at the last commit", get(t, dev, core.ReadRequest{Key: "a", AsOf: core.AtCommit(2)}), now)
	same(t, "until the second commit", get(t, dev, core.ReadRequest{Key: "a", AsOf: core.AtCommit(1)}), versions{"x": "d2", "y": "p3", "z": "p3"})
	minute := func(m int) core.AsOf { return core.AtTime(time.Date(2026, 1, 2, 3, m, 0, 0, time.UTC)) }
	for m, want := range map[int]versions{
		0: {}, 1: {"x": "p1", "y": "p1"}, 2: {"x": "d2", "y": "p1"}, 3: {"x": "d2", "y": "p3", "z": "p3"}, 4: {"x": "d2", "z": "p3"}, 5: now,
	} {
		same(t, "at a time", get(t, dev, core.ReadRequest{Key: "a", AsOf: minute(m)}), want)
	}
	if _, err := dev.Read(t.Context(), core.ReadRequest{Key: "a", AsOf: core.AtCommit(3)}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("beyond the last commit: %v", err)
	}
	rows, err := dev.Read(t.Context(), core.ReadRequest{Key: "a", History: true, Columns: []string{core.ColOrigin, core.ColCommit, core.DefaultID, core.ColDeleted}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := storetest.Lines(rows)
	if err != nil || len(lines) != 7 || !strings.Contains(strings.Join(lines, "\n"), `metaxy_origin="staging" metaxy_commit=2 sample_id="y" metaxy_deleted=false`) {
		t.Errorf("history: %v, %v", lines, err)
	}
}

// Of several legs the first that ever held a sample answers, and so it is when
// the legs are overlays themselves.
func TestOverlayLegs(t *testing.T) {
	base, staging, prod, archive := open(t), open(t), open(t), open(t)
	put(t, staging, "a", versions{"x": "s", "y": "s"})
	put(t, staging, "a", versions{"y": ""})
	put(t, prod, "a", versions{"x": "p", "y": "p", "z": "p"})
	put(t, prod, "a", versions{"w": ""})
	put(t, archive, "a", versions{"w": "old", "v": "old", "z": "old"})
	want := versions{"x": "s", "z": "p", "v": "old"}
	flat := overlaid(t, base, staging, prod, archive)
	same(t, "legs in a row", get(t, flat, core.ReadRequest{Key: "a"}), want)
	same(t, "the last is an overlay", get(t, overlaid(t, base, staging, overlaid(t, prod, archive)), core.ReadRequest{Key: "a"}), want)
	same(t, "the first is an overlay", get(t, overlaid(t, base, overlaid(t, staging, prod), archive), core.ReadRequest{Key: "a"}), want)
	put(t, flat, "a", versions{"x": ""}) // only legs hold the feature
	delete(want, "x")
	same(t, "retired here", get(t, flat, core.ReadRequest{Key: "a"}), want)
	put(t, flat, "a", versions{"x": "back"})
	want["x"] = "back"
	same(t, "and brought back", get(t, flat, core.ReadRequest{Key: "a"}), want)
	same(t, "here alone", get(t, flat, core.ReadRequest{Key: "a", Local: true}), versions{"x": "back"})
	info, err := flat.Stat(t.Context(), core.StatRequest{Key: "a", Commits: -1})
	if err != nil || info.Rows != -1 || info.Origin != "+staging+prod+archive" || info.Generation != 3 || len(info.Log) != 3 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestOverlayOrigin(t *testing.T) {
	base, prod := open(t), open(t)
	put(t, prod, "a", versions{"x": "p", "y": "p"})
	put(t, prod, "d", versions{"z": "p"})
	dev := overlaid(t, base, prod)
	put(t, dev, "a", versions{"x": "d"})
	for _, c := range []struct {
		req  core.ReadRequest
		text string
	}{
		{core.ReadRequest{Key: "d"}, "staging"}, {core.ReadRequest{Key: "a"}, " staging"}, {core.ReadRequest{Key: "a", Local: true}, ""},
	} {
		req, text := c.req, c.text
		req.Columns = []string{core.ColOrigin}
		rows, err := dev.Read(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if of := strings.TrimSpace(text); rows.Origin != of && rows.Origin != "+"+of {
			t.Errorf("%+v: rows from %q", req, rows.Origin)
		}
		var origins []string
		for b, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(b.NumRows()) {
				origins = append(origins, b.Column(0).ValueStr(i))
			}
		}
		if got := strings.Join(origins, " "); got != text {
			t.Errorf("%+v: origins %q, want %q", req, got, text)
		}
	}
	same(t, "by origin", get(t, dev, core.ReadRequest{Key: "a", Filter: expr.Col(core.ColOrigin).Eq("staging")}), versions{"y": "p"})
	if _, err := over(t, base, fallback.New(prod)).Read(t.Context(), core.ReadRequest{Key: "a", Columns: []string{core.ColOrigin}}); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("without Overlay: %v", err)
	}
}

// Only the difference is computed, and orphans that only a leg holds can be
// retired.
func TestOverlayResolve(t *testing.T) {
	base, prod := watch(open(t)), open(t)
	put(t, prod, root, versions{"x": "1", "y": "1", "z": "1"})
	materialize(t, prod, resolved(t, prod, core.ResolveRequest{Plan: planOf(t, leaf)}))
	dev := overlaid(t, base, prod)
	req := core.ResolveRequest{Plan: planOf(t, leaf)}
	if inc := resolved(t, dev, req); !inc.Stats.Clean() || inc.Stats.Unchanged != 3 {
		t.Errorf("prod is current: %+v", inc.Stats)
	}
	put(t, dev, root, versions{"x": "2", "w": "1"})
	put(t, dev, root, versions{"z": ""})
	inc := resolved(t, dev, req)
	if s := inc.Stats; s.New != 1 || s.Stale != 1 || s.Orphaned != 1 || s.Unchanged != 1 || inc.Basis != nil {
		t.Errorf("the difference: %+v, basis %v", s, inc.Basis)
	}
	materialize(t, dev, inc)
	put(t, dev, leaf, versions{"z": ""})
	if again := resolved(t, dev, req); !again.Stats.Clean() || again.Stats.Unchanged != 3 {
		t.Errorf("resolved again: %+v", again.Stats)
	}
	if got := get(t, base, core.ReadRequest{Key: leaf}); len(got) != 2 {
		t.Errorf("more than the difference was written: %v", got)
	}
	if base.calls[core.OpResolve] != 0 {
		t.Error("resolved below")
	}
}

// typed writes one row with a column "n" of a type.
func typed(t *testing.T, s core.Store, typ arrow.DataType, id arrow.DataType, values ...any) error {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: id},
		{Name: "n", Type: typ, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})},
	}, nil)
	rows := storetest.RowsIn(t, arrowmem.DefaultAllocator, 10, schema, append(values, []any{"v"}))
	_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "a"), Rows: rows})
	return err
}

func TestOverlayMismatch(t *testing.T) {
	text, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	for name, c := range map[string]struct {
		n, id  arrow.DataType
		values []any
	}{
		"column": {text, text, []any{"x", "text"}},
		"id":     {i64, i64, []any{7, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			base, prod := open(t), open(t)
			dev := overlaid(t, base, prod)
			put(t, prod, "d", versions{"x": "1"})
			if err := typed(t, prod, i64, text, "x", 1); err != nil {
				t.Fatal(err)
			}
			err := typed(t, dev, c.n, c.id, c.values...)
			if !errors.Is(err, core.ErrConflict) || !strings.Contains(err.Error(), "in staging") {
				t.Errorf("the first write here: %v", err)
			}
			if err := typed(t, base, c.n, c.id, c.values...); err != nil { // past the overlay
				t.Fatal(err)
			}
			_, read := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
			_, stat := dev.Stat(t.Context(), core.StatRequest{Key: "a"})
			if !errors.Is(read, core.ErrConflict) || !errors.Is(stat, core.ErrConflict) {
				t.Errorf("Read: %v; Stat: %v", read, stat)
			}
			var keys []string
			var last error
			for info, err := range dev.List(t.Context(), core.ListRequest{}) {
				if last = err; err == nil {
					keys = append(keys, string(info.Key))
				}
			}
			if strings.Join(keys, " ") != "d" || !errors.Is(last, core.ErrConflict) {
				t.Errorf("List: %v, %v", keys, last)
			}
			if _, err := dev.Read(t.Context(), core.ReadRequest{Key: "a", Local: true}); err != nil {
				t.Errorf("Local: %v", err)
			}
		})
	}
}

func TestOverlayUnavailable(t *testing.T) {
	base, bad, good := open(t), watch(open(t)), open(t)
	put(t, base, "a", versions{"x": "d"})
	put(t, bad, "a", versions{"y": "b", "z": "b"})
	put(t, good, "a", versions{"z": "g"})
	strict := overlaid(t, base, bad, good)
	lax := over(t, base, fallback.NewWith(fallback.Overlay(), fallback.Leg("bad", bad), fallback.Leg("good", good), fallback.OnUnavailable()))
	for _, op := range []core.Op{core.OpStat, core.OpRead} {
		bad.fail = map[core.Op]error{op: core.ErrUnavailable}
		if _, err := strict.Read(t.Context(), core.ReadRequest{Key: "a"}); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("%s fails: %v", op, err)
		}
		same(t, "without the leg", get(t, lax, core.ReadRequest{Key: "a"}), versions{"x": "d", "z": "g"})
		bad.fail = map[core.Op]error{op: core.ErrDenied}
		if _, err := lax.Read(t.Context(), core.ReadRequest{Key: "a"}); !errors.Is(err, core.ErrDenied) {
			t.Errorf("%s is denied: %v", op, err)
		}
	}
}

// Readers of an overlay see commits whole, each sample once, while stores are
// written to.
func TestOverlayConcurrent(t *testing.T) {
	base, prod := open(t), open(t)
	put(t, prod, "a", versions{"x": "p", "y": "p", "z": "p"})
	dev := overlaid(t, base, prod)
	put(t, dev, "a", versions{"x": "0", "y": "0"})
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				rows, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
				if err != nil {
					t.Error(err)
					return
				}
				lines, err := storetest.Lines(rows)
				if err != nil || len(lines) != 3 {
					t.Errorf("%v, %v", lines, err)
					return
				}
				if x, y := lines[0][len(`sample_id="x"`):], lines[1][len(`sample_id="y"`):]; x != y {
					t.Errorf("half a commit: %v", lines)
					return
				}
			}
		})
	}
	for _, v := range []versions{{"x": "1", "y": "1"}, {"x": "2", "y": "2", "z": "2"}} {
		writers.Go(func() {
			for range 50 {
				if err := tryPut(t, dev, "a", v); err != nil {
					t.Error(err)
				}
				if err := tryPut(t, prod, "a", versions{"z": "q"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

// What is written here between the two reads of this store is not seen, and
// hides nothing either.
func TestOverlayIsPinned(t *testing.T) {
	base, prod := watch(open(t)), open(t)
	put(t, base, "a", versions{"x": "1"})
	put(t, prod, "a", versions{"x": "p", "y": "p"})
	base.hook = func(op core.Op) {
		if op == core.OpRead {
			put(t, base.next, "a", versions{"y": "late"})
		}
	}
	same(t, "before the late write", get(t, overlaid(t, base, prod), core.ReadRequest{Key: "a"}), versions{"x": "1", "y": "p"})
}

// Leaving the loop, and never entering it, hold nothing.
func TestOverlayLeavesNothing(t *testing.T) {
	mem := storetest.Allocator(t)
	base, prod := memory.New(memory.Allocator(mem)), memory.New(memory.Allocator(mem))
	put(t, prod, "a", versions{"x": "p", "y": "p"})
	put(t, base, "a", versions{"x": "d"})
	dev := overlaid(t, base, prod)
	for range 3 {
		rows, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"})
		if err != nil {
			t.Fatal(err)
		}
		for range rows.Batches {
			break
		}
		for _, err := range rows.Batches {
			if !errors.Is(err, core.ErrInvalid) {
				t.Errorf("ranged twice: %v", err)
			}
		}
	}
	if _, err := dev.Read(t.Context(), core.ReadRequest{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(base.Close(), prod.Close()); err != nil {
		t.Fatal(err)
	}
}
