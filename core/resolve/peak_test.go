package resolve_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// generated is a store that holds nothing: its rows are made while they are
// read, so that what is measured is the engine's memory alone.
type generated map[core.FeatureKey]core.Rows

var _ core.Store = generated(nil)

func (g generated) Read(_ context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, ok := g[req.Key]
	if !ok {
		return core.Rows{}, core.ErrFeatureNotFound
	}
	return rows, nil
}

func (g generated) Stat(_ context.Context, req core.StatRequest) (core.Info, error) {
	rows, ok := g[req.Key]
	if !ok {
		return core.Info{}, core.ErrFeatureNotFound
	}
	return core.Info{Key: req.Key, Schema: rows.Schema, Generation: 1, Rows: -1}, nil
}

func (generated) Write(context.Context, core.WriteRequest) (core.Commit, error) {
	return core.Commit{}, core.ErrReadOnly
}

func (generated) Resolve(context.Context, core.ResolveRequest) (core.Increment, error) {
	return core.Increment{}, core.ErrUnsupported
}

func (generated) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(func(core.Info, error) bool) {}
}

func (generated) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, core.ErrReadOnly
}
func (generated) Capabilities() core.Capabilities { return core.Capabilities{} }
func (generated) Close() error                    { return nil }

// peak samples the bytes of live and dead heap objects while f runs.
func peak(f func()) (most uint64) {
	runtime.GC()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	f()
	close(stop)
	wg.Wait()
	return most
}

// BenchmarkPeakMemory resolves with a budget and reports how far the heap grew:
// it must not depend on the number of samples.
func BenchmarkPeakMemory(b *testing.B) {
	bg := benchGraphs(b)[0]
	for _, n := range []int64{1_000_000, 4_000_000} {
		for _, held := range []bool{false, true} {
			b.Run(fmt.Sprintf("n=%d/held=%v", n, held), func(b *testing.B) {
				root := plan(b, bg.graph, "root")
				s := generated{"root": digests(root.ContainerNames(), 0, 1, n, "root")}
				if held {
					s["leaf"] = digests([]string{"default"}, 0, 1, n, "another")
				}
				var most uint64
				for b.Loop() {
					most = max(most, peak(func() {
						inc, err := resolve.ByReading(b.Context(), s, core.ResolveRequest{Plan: plan(b, bg.graph, "leaf")}, resolve.Budget(256<<20), resolve.TempDir(b.TempDir()))
						if err != nil {
							b.Fatal(err)
						}
						rows, want := inc.New, inc.Stats.New
						if held {
							rows, want = inc.Stale, inc.Stats.Stale
						}
						var got int64
						for batch, err := range rows.All() {
							if err != nil {
								b.Fatal(err)
							}
							got += batch.NumRows()
						}
						if got != n || want != n {
							b.Fatal(inc.Stats)
						}
					}))
				}
				b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/sample")
			})
		}
	}
}
