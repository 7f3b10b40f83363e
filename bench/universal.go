package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// universalTable compares the universal engine over memory with DuckDB's
// native path, both stores open and filled beforehand.
func (b *bench) universalTable(ctx context.Context) (*section, error) {
	all, err := b.shapes()
	if err != nil {
		return nil, err
	}
	out := &section{
		name: "universal", title: "The universal engine over memory against DuckDB's native path",
		head: []string{"graph", "phase", "N", "universal, memory", "native, DuckDB", "ratio"},
	}
	for _, n := range b.sizes {
		if n > 1_000_000 {
			b.log("universal: %s rows would not fit beside the others in memory, left out", count(n))
			continue
		}
		for _, sh := range all {
			for _, ph := range []phase{phaseNew, phaseStale} {
				row, err := b.universal(ctx, sh, ph, n)
				if err != nil {
					return nil, err
				}
				out.add(row...)
				b.log("universal %v", row)
			}
		}
	}
	out.note("The time covers Resolve and the reading of its increment; opening is in neither. Wanted: at most 1.0 at 1 M.")
	return out, nil
}

func (b *bench) universal(ctx context.Context, sh shape, ph phase, n int64) (row []string, err error) {
	file, err := b.template(ctx, sh, ph, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	db, err := duckdb.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	mem := memory.New()
	defer func() { err = errors.Join(err, mem.Close()) }()
	if err := fill(ctx, mem, sh, ph, n); err != nil {
		return nil, err
	}
	req := core.ResolveRequest{Plan: sh.plan(sh.leaf)}
	times, err := race(b.roundsFor(n), []contender{
		{name: "universal", run: func() error {
			inc, err := resolve.ByReading(ctx, mem, req)
			if err != nil {
				return err
			}
			return drain(inc, ph, n)
		}},
		{name: "native", run: func() error {
			inc, err := db.Resolve(ctx, req)
			if err != nil {
				return err
			}
			return drain(inc, ph, n)
		}},
	})
	if err != nil {
		return nil, err
	}
	return []string{sh.name, ph.name, count(n), ms(median(times[0])), ms(median(times[1])), fmt.Sprintf("%.2f", ratio(times[0], times[1]))}, nil
}
