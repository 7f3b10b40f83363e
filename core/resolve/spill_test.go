package resolve_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// large is a wide graph with new, stale, unchanged, orphaned and missing
// samples, some hundred thousand bytes of each.
func large(t testing.TB) (*core.Plan, core.Store) {
	t.Helper()
	bg := benchGraphs(t)[1]
	s := backend.New()
	const n = 12_000
	write(t, s, bg.graph, "left", digests(plan(t, bg.graph, "left").ContainerNames(), 0, 1, n, "left"))
	write(t, s, bg.graph, "right", digests(plan(t, bg.graph, "right").ContainerNames(), 2000, 1, n, "right"))
	leaf := plan(t, bg.graph, "leaf")
	write(t, s, bg.graph, "leaf", byReading(t, s, core.ResolveRequest{Plan: leaf}).New)
	write(t, s, bg.graph, "leaf", digests(leaf.ContainerNames(), n+1000, 1, 5000, "gone"))
	write(t, s, bg.graph, "left", digests(plan(t, bg.graph, "left").ContainerNames(), 3, 10, n/10, "changed"))
	write(t, s, bg.graph, "right", digests(plan(t, bg.graph, "right").ContainerNames(), 0, 1, 1000, "added"))
	return leaf, s
}

func TestSpillingChangesNothing(t *testing.T) {
	leaf, s := large(t)
	defer s.Close()
	want := answer(t, leaf, byReading(t, s, core.ResolveRequest{Plan: leaf}, resolve.Budget(0)))
	if len(want.New) == 0 || len(want.Stale) == 0 || len(want.Orphaned) == 0 || len(want.Missing) == 0 || want.Unchanged == 0 {
		t.Fatal("the data tests too little")
	}
	for _, budget := range []int64{64 << 10, 1 << 20, 8 << 20} {
		dir := t.TempDir()
		inc := byReading(t, s, core.ResolveRequest{Plan: leaf}, resolve.Budget(budget), resolve.TempDir(dir))
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("left behind: %v, %v", left, err)
		}
		for range 2 { // replayable, also from files
			if got := answer(t, leaf, inc); !reflect.DeepEqual(got, want) {
				t.Fatalf("budget %d: another answer", budget)
			}
		}
		again := byReading(t, s, core.ResolveRequest{Plan: leaf}, resolve.Budget(budget), resolve.TempDir(dir), resolve.Workers(1))
		if !reflect.DeepEqual(texts(t, again.New, leaf.ResolveKey), texts(t, inc.New, leaf.ResolveKey)) {
			t.Fatalf("budget %d: another order", budget)
		}
	}
}

func TestAnswerFollowsTheUpstream(t *testing.T) {
	leaf, s := large(t)
	defer s.Close()
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "left"})
	if err != nil {
		t.Fatal(err)
	}
	isNew := map[string]bool{}
	inc := byReading(t, s, core.ResolveRequest{Plan: leaf}, resolve.Workers(4))
	for _, id := range texts(t, inc.New, leaf.ResolveKey) {
		isNew[id] = true
	}
	var want []string
	for _, id := range texts(t, rows, leaf.ResolveKey) {
		if isNew[id] {
			want = append(want, id)
		}
	}
	if !reflect.DeepEqual(texts(t, inc.New, leaf.ResolveKey), want) {
		t.Fatal("new samples come in another order than the upstream's")
	}
}

func TestTempDirThatCannotBeUsed(t *testing.T) {
	leaf, s := large(t)
	defer s.Close()
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := resolve.ByReading(t.Context(), s, core.ResolveRequest{Plan: leaf}, resolve.Budget(1<<20), resolve.TempDir(file))
	if !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
}

// failing yields the first batches of rows, then calls end.
func failing(rows core.Rows, batches int, end func() error) core.Rows {
	return core.Rows{Schema: rows.Schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		i := 0
		for b := range rows.All() {
			if i++; i > batches {
				if err := end(); err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(b, nil) {
				return
			}
		}
	}}
}

func TestSourceThatFails(t *testing.T) {
	bg := benchGraphs(t)[0]
	leaf := plan(t, bg.graph, "leaf")
	broken := errors.New("broken")
	upstream, held := digests([]string{"audio", "frames"}, 0, 1, 200_000, ""), digests([]string{"default"}, 0, 1, 200_000, "")
	for name, opts := range budgets {
		for _, s := range []generated{
			{"root": failing(upstream, 2, func() error { return broken }), "leaf": held},
			{"root": upstream, "leaf": failing(held, 2, func() error { return broken })},
		} {
			if _, err := resolve.ByReading(t.Context(), s, core.ResolveRequest{Plan: leaf}, opts...); !errors.Is(err, broken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCancelledInTheMiddle(t *testing.T) {
	bg := benchGraphs(t)[0]
	leaf := plan(t, bg.graph, "leaf")
	for name, opts := range budgets {
		ctx, cancel := context.WithCancel(t.Context())
		endless := digests([]string{"audio", "frames"}, 0, 1, 1<<40, "")
		s := generated{"root": failing(endless, 2, func() error { cancel(); return nil })}
		done := make(chan error)
		go func() {
			_, err := resolve.ByReading(ctx, s, core.ResolveRequest{Plan: leaf}, opts...)
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			for _, sentinel := range core.Sentinels() {
				if errors.Is(err, sentinel) {
					t.Errorf("%s: %v matches %v", name, err, sentinel)
				}
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: goes on after its context ended", name)
		}
	}
}

// moving commits to an upstream between Stat and Read.
type moving struct {
	generated
	next core.Store
	move func()
}

func (m *moving) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	info, err := m.next.Stat(ctx, req)
	if m.move != nil {
		m.move()
	}
	return info, err
}

func (m *moving) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	return m.next.Read(ctx, req)
}
func (m *moving) Capabilities() core.Capabilities { return m.next.Capabilities() }

func TestBasisIsWhatWasRead(t *testing.T) {
	g := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root")))
	s := backend.New()
	defer s.Close()
	write(t, s, g, "root", many(t, 3, "before"))
	m := &moving{next: s}
	m.move = func() { m.move = nil; write(t, s, g, "root", many(t, 5, "after")) }
	inc := byReading(t, m, core.ResolveRequest{Plan: plan(t, g, "leaf")})
	if inc.Stats.New != 3 || inc.Basis["root"] != 1 {
		t.Fatal(inc.Stats, inc.Basis)
	}
}
