package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/core/version"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

const benchRows = 100_000

// BenchmarkHash is one data version: two inputs of 64 bytes.
func BenchmarkHash(b *testing.B) {
	h := version.SHA256.Compile(version.Container{Name: "default", Code: "1", Inputs: []version.Input{
		{Feature: "bench.root", Container: "frames"}, {Feature: "bench.root", Container: "audio"},
	}})
	var digest [64]byte
	putDigest(&digest, 1, 2)
	versions := [][]byte{digest[:], digest[:]}
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = h.Append(dst[:0], versions)
	}
}

// BenchmarkUniversal is a resolve by reading, per graph and phase.
func BenchmarkUniversal(b *testing.B) {
	ctx := context.Background()
	all, err := shapes()
	if err != nil {
		b.Fatal(err)
	}
	for _, sh := range all {
		for _, ph := range []phase{phaseNew, phaseStale} {
			b.Run(sh.name+"/"+ph.name, func(b *testing.B) {
				s := memory.New()
				defer s.Close()
				if err := fill(ctx, s, sh, ph, benchRows); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					inc, err := resolve.ByReading(ctx, s, core.ResolveRequest{Plan: sh.plan(sh.leaf)})
					if err != nil {
						b.Fatal(err)
					}
					if err := ph.check(inc.Stats, benchRows); err != nil {
						b.Fatal(err)
					}
				}
				perRow(b, benchRows)
			})
		}
	}
}

// BenchmarkWrite is a commit into memory.
func BenchmarkWrite(b *testing.B) {
	ctx := context.Background()
	all, err := shapes()
	if err != nil {
		b.Fatal(err)
	}
	batches, err := rootRows(all[0].plan("bench/root"), benchRows, 1, 1).Collect()
	if err != nil {
		b.Fatal(err)
	}
	defer core.ReleaseAll(batches)
	rows := core.RowsOf(batches[0].Schema(), batches...)
	b.ReportAllocs()
	for b.Loop() {
		s := memory.New()
		if _, err := s.Write(ctx, core.WriteRequest{Plan: all[0].plan("bench/root"), Rows: rows}); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	perRow(b, benchRows)
}

// BenchmarkCall is one small call, bare and below logging and fallback.
func BenchmarkCall(b *testing.B) {
	ctx := context.Background()
	s, err := newStacks(ctx, 1000)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	for _, e := range s.each() {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.call(ctx, e.store); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead ranges over all rows, bare and below logging and fallback.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	s, err := newStacks(ctx, benchRows)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	for _, e := range s.each() {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.read(ctx, e.store, benchRows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func perRow(b *testing.B, rows int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

// A small run of the sections about what guards a store.
func TestGuards(t *testing.T) {
	b := &bench{dir: t.TempDir(), sizes: []int64{3000}, rounds: 1, log: t.Logf}
	file := filepath.Join(b.dir, "benchmarks.md")
	if err := b.report(context.Background(), []string{"crypto", "rbac", "audit"}, file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| both, one core |", "| read, 2 of 10 columns |", "| a decision |", "| 3 k records verified |"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the document lacks %q:\n%s", want, got)
		}
	}
}

// A small run of the catalog's section but for the processes: a test's program
// is no bench.
func TestCatalog(t *testing.T) {
	b := &bench{dir: t.TempDir(), sizes: []int64{2000}, rounds: 1, log: t.Logf}
	out := &section{}
	for _, part := range []func(context.Context, *section) error{b.existence, b.versionAmong, b.registration} {
		if err := part(t.Context(), out); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.rows) != 7 {
		t.Errorf("%d rows: %v", len(out.rows), out.rows)
	}
	path := filepath.Join(b.dir, "child.db")
	for i := range 2 {
		if err := run(t.Context(), []string{"-child", fmt.Sprintf("register:%d", i), "-file", path, "-n", "3"}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := whole(t.Context(), c, "process/shared", 6); err != nil {
		t.Error(err)
	}
}

// The generator gives the same rows each time, and as many as it says.
func TestRootRows(t *testing.T) {
	all, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	p := all[0].plan("bench/root")
	for _, c := range []struct {
		n    int64
		pick every
		gen  uint64
		want int64
	}{{70_000, 1, 1, 70_000}, {1000, 10, 2, 100}, {5, 10, 2, 1}, {3, 10, 2, 0}} {
		if got, err := rootRows(p, c.n, c.pick, c.gen).Count(); err != nil || got != c.want {
			t.Errorf("%+v gives %d rows, %v", c, got, err)
		}
	}
	if a, b := first(t, rootRows(p, 10, 1, 1)), first(t, rootRows(p, 10, 1, 1)); a != b || !strings.Contains(a, "000000000003.mp4") {
		t.Errorf("%s\n%s", a, b)
	}
	if a, b := first(t, rootRows(p, 10, 1, 1)), first(t, rootRows(p, 10, 1, 2)); a == b {
		t.Error("two generations have the same versions")
	}
}

func first(t *testing.T, rows core.Rows) string {
	t.Helper()
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(b)
	}
	return ""
}

// A small run of each section ends well and lands between its markers.
func TestReport(t *testing.T) {
	b := &bench{dir: t.TempDir(), sizes: []int64{1500}, rounds: 1, log: t.Logf}
	file := filepath.Join(b.dir, "benchmarks.md")
	if err := os.WriteFile(file, []byte("# Head\n\n<!-- bench:resolve -->\nold\n<!-- /bench:resolve -->\n\ntail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.report(context.Background(), []string{"resolve", "universal", "stretch"}, file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Head\n", "\ntail\n", "| simple | new |", "| wide | stale |", "<!-- /bench:stretch -->"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the document lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old\n") {
		t.Error("the former table is still there")
	}
}

func TestReportRefuses(t *testing.T) {
	if err := run(context.Background(), []string{"-only", "resolv"}); err == nil || !strings.Contains(err.Error(), `"resolv"`) {
		t.Errorf("an unknown section gives %v", err)
	}
	if err := run(context.Background(), []string{"-n", "10,x"}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("a wrong size gives %v", err)
	}
}

func durations(ns ...time.Duration) []time.Duration { return ns }

func TestRatios(t *testing.T) {
	if r := ratio(durations(3, 10, 4), durations(1, 10, 2)); r != 2 {
		t.Errorf("ratio %v", r)
	}
	if m := median(durations(4, 1, 3, 2)); m != 2 {
		t.Errorf("median %v", m)
	}
}
