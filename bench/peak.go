package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

const resolveBudget = 256 << 20

// jobs are what a child process does, so that its peak memory is that of the
// job alone. Each takes the file and its row count.
func jobs() map[string]func(ctx context.Context, file string, n int64) error {
	return map[string]func(ctx context.Context, file string, n int64) error{
		"read":    childRead,
		"resolve": childResolve,
	}
}

// childRead streams a filtered read: half of the rows, all columns.
func childRead(ctx context.Context, file string, n int64) error {
	s, err := duckdb.Open(ctx, file, duckdb.MemoryLimit(128<<20), duckdb.TempDirectory(filepath.Dir(file)))
	if err != nil {
		return err
	}
	rows, err := s.Read(ctx, core.ReadRequest{Key: "bench/root", Filter: expr.Col("data_version.frames").Ge("8")})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	got, err := rows.Count()
	if err == nil && (got < n*4/10 || got > n*6/10) {
		err = fmt.Errorf("%d of %d rows pass, want about half", got, n)
	}
	return errors.Join(err, s.Close())
}

// childResolve runs the universal engine with a budget over a DuckDB file, and
// ranges over the increment without keeping it.
func childResolve(ctx context.Context, file string, n int64) error {
	all, err := shapes()
	if err != nil {
		return err
	}
	s, err := duckdb.Open(ctx, file, duckdb.MemoryLimit(128<<20), duckdb.TempDirectory(filepath.Dir(file)))
	if err != nil {
		return err
	}
	inc, err := resolve.ByReading(ctx, s, core.ResolveRequest{Plan: all[0].plan(all[0].leaf)},
		resolve.Budget(resolveBudget), resolve.TempDir(filepath.Dir(file)))
	if err != nil {
		return errors.Join(err, s.Close())
	}
	var got int64
	for _, r := range []core.Rows{inc.New, inc.Stale, inc.Orphaned} {
		k, err := r.Count()
		if err != nil {
			return errors.Join(err, s.Close())
		}
		got += k
	}
	if w := phaseStale.want(n); got != w.Stale {
		err = fmt.Errorf("%d rows in the increment, want %d", got, w.Stale)
	}
	return errors.Join(err, s.Close())
}

// runChild is main in the child: it does the job and prints its peak memory.
func runChild(ctx context.Context, job, file string, n int64) error {
	if process, ok := strings.CutPrefix(job, "register:"); ok {
		i, err := strconv.Atoi(process)
		if err != nil {
			return fmt.Errorf("no job %q", job)
		}
		return childRegister(ctx, file, i, n)
	}
	do, ok := jobs()[job]
	if !ok {
		return fmt.Errorf("no job %q", job)
	}
	if err := do(ctx, file, n); err != nil {
		return err
	}
	peak, err := peakBytes()
	if err != nil {
		return err
	}
	fmt.Println(peak)
	return nil
}

// peakBytes is the most memory that this process had resident at once.
func peakBytes() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the system does not tell the peak memory")
}

// peak runs the job in a child process.
func peak(ctx context.Context, job, file string, n int64) (int64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", job, "-file", file, "-n", strconv.FormatInt(n, 10))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s over %s rows: %w", job, count(n), err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
}

// memoryTable tells the peak memory of both jobs, by N.
func (b *bench) memoryTable(ctx context.Context) (*section, error) {
	all, err := shapes()
	if err != nil {
		return nil, err
	}
	out := &section{
		name: "memory", title: "Peak memory by N",
		head: []string{"N", "filtered Read", "universal Resolve, budget " + mib(resolveBudget)},
	}
	for _, n := range b.sizes {
		file, err := b.template(ctx, all[0], phaseStale, n)
		if err != nil {
			return nil, err
		}
		cells := []string{count(n)}
		for _, job := range []string{"read", "resolve"} {
			bytes, err := peak(ctx, job, file, n)
			if err != nil {
				return nil, err
			}
			cells = append(cells, mib(bytes))
		}
		out.add(cells...)
		b.log("memory %v", cells)
	}
	out.note("The highest resident memory (VmHWM) of a process that does nothing else, DuckDB's memory_limit at 128 MiB for its share. Graph simple, phase stale. Wanted: flat in N.")
	return out, nil
}
