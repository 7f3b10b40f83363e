package storetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestRulesReadBack: what a rule prints is what ParseRule reads.
func TestRulesReadBack(t *testing.T) {
	errs := []error{core.ErrUnavailable, core.ErrIntegrity, core.ErrFeatureNotFound, context.Canceled}
	rapid.Check(t, func(rt *rapid.T) {
		r := storetest.Rule{
			Op:  core.Op(rapid.IntRange(0, int(core.OpClose)).Draw(rt, "op")),
			Key: rapid.SampledFrom([]core.FeatureKey{"", "video/raw", "a-b"}).Draw(rt, "key"),
			Nth: rapid.IntRange(0, 9).Draw(rt, "nth"),
			Do:  storetest.Action(rapid.IntRange(int(storetest.Fail), int(storetest.Delay)).Draw(rt, "do")),
		}
		switch r.Do {
		case storetest.Fail, storetest.FailLate, storetest.FailStream:
			r.Err = rapid.SampledFrom(errs).Draw(rt, "err")
		case storetest.Delay:
			r.Delay = time.Duration(rapid.IntRange(0, 5000).Draw(rt, "ms")) * time.Millisecond
		}
		if r.Do == storetest.FailStream || r.Do == storetest.Truncate {
			r.After = rapid.IntRange(0, 5).Draw(rt, "after")
		}
		if got, err := storetest.ParseRule(r.String()); err != nil || got != r {
			rt.Fatalf("%q reads back as %+v (%v), want %+v", r, got, err, r)
		}
	})
}

func TestBadRules(t *testing.T) {
	for _, text := range []string{
		"", "write", "write fail", "write fail nonsense", "fly#1 fail unavailable", "write#0 fail unavailable", "write#x fail unavailable",
		"read truncate", "read truncate after", "read truncate after x", "any delay", "any delay -1s", "read fail denied now", "read Video fail denied", "read a/b",
	} {
		if r, err := storetest.ParseRule(text); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%q is read as %v (%v), want ErrInvalid", text, r, err)
		}
	}
}

// TestFaults: each action does what it says, on the call it names.
func TestFaults(t *testing.T) {
	ctx := t.Context()
	var slept time.Duration
	fault := storetest.Fault().Sleeper(func(_ context.Context, d time.Duration) error { slept += d; return nil })
	s, err := fault.Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	count := func() (int64, error) {
		rows, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
		if err != nil {
			return 0, err
		}
		return rows.Count()
	}
	fault.Set(storetest.FailNth(core.OpRead, 2, core.ErrUnavailable), storetest.Latency(core.OpRead, time.Hour))
	if n, err := count(); n != 10 || err != nil {
		t.Errorf("the first read: %d rows, %v", n, err)
	}
	if _, err := count(); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("the second read: %v", err)
	}
	if n, err := count(); n != 10 || err != nil || slept != 3*time.Hour {
		t.Errorf("the third read: %d rows, %v, slept %v", n, err, slept)
	}
	if fired := fault.Fired(); len(fired) != 4 || fault.Calls() != 3 {
		t.Errorf("fired %v in %d calls", fired, fault.Calls())
	}
	fault.Set(storetest.MidStream(core.OpRead, 1, 0, core.ErrIntegrity), storetest.TruncateStream(core.OpRead, 2, 0))
	if _, err := count(); !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("a read that fails in mid-stream: %v", err)
	}
	if n, err := count(); n != 0 || err != nil {
		t.Errorf("a truncated read: %d rows, %v", n, err)
	}
}

// TestAfterCommit: the commit is there although the caller was told otherwise,
// and a repeated write finds it.
func TestAfterCommit(t *testing.T) {
	s, err := storetest.Fault(storetest.AfterCommit(1, core.ErrUnavailable)).Wrap(storetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := storetest.Graph().Plan(storetest.KeyVideo)
	if err != nil {
		t.Fatal(err)
	}
	req := core.WriteRequest{Plan: p, ID: "job", Rows: core.RowsOf(storetest.VideoSchema())}
	if _, err := s.Write(t.Context(), req); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
	if c, err := s.Write(t.Context(), req); err != nil || c.Seq != 1 {
		t.Errorf("the write again: commit %d, %v; want the first one", c.Seq, err)
	}
}

func TestMock(t *testing.T) {
	m := storetest.Mock(storetest.MockSleeper(func(context.Context, time.Duration) error { return nil }))
	defer func() { _ = m.Close() }()
	m.SetFailure(core.OpStat, core.ErrDenied)
	m.SetLatency(core.OpStat, time.Hour)
	if _, err := m.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrDenied) {
		t.Errorf("stat: %v", err)
	}
	m.SetFailure(core.OpStat, nil)
	if _, err := m.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("stat: %v", err)
	}
	if n := len(m.Calls(core.OpStat)); n != 2 {
		t.Errorf("%d calls recorded", n)
	}
	m.Recorded().ExpectNoMoreCalls(t)
}

func TestMultiEnv(t *testing.T) {
	env := storetest.MultiEnv(t)
	for name, c := range map[string]struct {
		s    core.Store
		want int64
	}{"dev": {env.Dev, 5}, "staging": {env.Staging, 10}, "prod": {env.Prod, 20}} {
		rows, err := c.s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyCrop})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := rows.Count(); n != c.want || err != nil {
			t.Errorf("%s holds %d crops (%v), want %d", name, n, err, c.want)
		}
	}
}

// TestGenerators: what they make is what they promise.
func TestGenerators(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		schema := storetest.Schemas("a", "b").Draw(rt, "schema")
		b := storetest.Batches(schema).Draw(rt, "batch")
		defer b.Release()
		if !core.SameColumns(b.Schema(), schema) {
			rt.Fatalf("a batch of %v for %v", b.Schema(), schema)
		}
		f := storetest.Filters(schema).Draw(rt, "filter")
		if _, err := expr.Bind(f, schema); err != nil {
			rt.Fatalf("filter %s does not bind to %v: %v", f, schema, err)
		}
		again, err := expr.Parse(f.String())
		if err != nil || !expr.Equal(again, f) {
			rt.Fatalf("filter %s does not read back (%v)", f, err)
		}
		if keys := storetest.Graphs().Draw(rt, "graph").Keys(); len(keys) < 2 {
			rt.Fatalf("a graph of %d features", len(keys))
		}
	})
}
