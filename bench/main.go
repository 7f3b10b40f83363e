// Command bench measures what docs/benchmarks.md tells: the two graphs of the
// reference's published benchmark, each against hand-written SQL on the same
// file, and what the engine and the layers cost. Only ratios within one run
// are worth comparing.
//
//	go run -tags duckdb_arrow . -n 10000,1000000 -rounds 5 -only resolve,stack
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// table makes one section of the report.
type table struct {
	name string
	fill func(*bench, context.Context) (*section, error)
}

// tables are the sections in their order.
func tables() []table {
	return []table{
		{"resolve", (*bench).resolveTable},
		{"universal", (*bench).universalTable},
		{"stretch", (*bench).stretchTable},
		{"stack", (*bench).stackTable},
		{"memory", (*bench).memoryTable},
		{"full", (*bench).fullTable},
		{"cache", (*bench).cacheTable},
		{"policy", (*bench).policyTable},
		{"crypto", (*bench).cryptoTable},
		{"rbac", (*bench).rbacTable},
		{"audit", (*bench).auditTable},
		{"catalog", (*bench).catalogTable},
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := flags.String("n", "10000,100000,1000000", "row counts, with commas between")
	rounds := flags.Int("rounds", 5, "rounds per measurement; more below 100,000 rows, at most 3 from 5 million")
	graphs := flags.String("graphs", "", "graphs of resolve, universal and stretch: simple, wide; both when empty")
	only := flags.String("only", "", "sections to run: resolve, universal, stretch, stack, memory, full, cache, policy, crypto, rbac, audit, catalog; all when empty")
	markdown := flags.String("markdown", "", "a file whose tables between <!-- bench:… --> markers are rewritten")
	dir := flags.String("dir", "", "where the database files go; a temporary directory when empty")
	child := flags.String("child", "", "used by the program itself: the job of a child process")
	file := flags.String("file", "", "used by the program itself: the database of a child process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{rounds: *rounds, log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	b.graphs = strings.FieldsFunc(*graphs, func(r rune) bool { return r == ',' })
	if b.sizes, err = parseSizes(*sizes); err != nil {
		return err
	}
	if *child != "" {
		return runChild(ctx, *child, *file, b.sizes[0])
	}
	if b.dir, err = os.MkdirTemp(*dir, "metaxy-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	return b.report(ctx, strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }), *markdown)
}

func (b *bench) report(ctx context.Context, only []string, markdown string) error {
	for _, name := range only {
		if !slices.ContainsFunc(tables(), func(t table) bool { return t.name == name }) {
			return fmt.Errorf("no section %q", name)
		}
	}
	disturbed := busy()
	var done []*section
	for _, t := range tables() {
		if len(only) > 0 && !slices.Contains(only, t.name) {
			continue
		}
		s, err := t.fill(b, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if disturbed != "" {
			s.note("%s", disturbed)
		}
		s.print(os.Stdout)
		done = append(done, s)
	}
	if markdown == "" {
		return nil
	}
	return intoMarkdown(markdown, done)
}

func parseSizes(text string) ([]int64, error) {
	var sizes []int64
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(part), "_", ""), 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-n %q: %q is no row count", text, part)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
