package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
)

const (
	cachedRows  = 100_000
	cachedReads = 200 // reads from the cache in one timing
)

// cacheTable compares a read of DuckDB with the same read from the cache over
// it.
func (b *bench) cacheTable(ctx context.Context) (out *section, err error) {
	all, err := shapes()
	if err != nil {
		return nil, err
	}
	sh := all[0]
	file, err := b.template(ctx, sh, phaseNew, cachedRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	db, err := duckdb.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	hits := cache.New()
	cached, err := hits.Wrap(db)
	if err != nil {
		return nil, err
	}
	trusting, err := cache.New(cache.Validate(1 << 40)).Wrap(db)
	if err != nil {
		return nil, err
	}
	read := func(s core.Store, times int) func() error {
		return func() error {
			for range times {
				rows, err := s.Read(ctx, core.ReadRequest{Key: sh.roots[0]})
				if err != nil {
					return err
				}
				if n, err := rows.Count(); err != nil || n != cachedRows {
					return fmt.Errorf("%d rows: %w", n, err)
				}
			}
			return nil
		}
	}
	for _, s := range []core.Store{cached, trusting} { // the misses
		if err := read(s, 1)(); err != nil {
			return nil, err
		}
	}
	times, err := race(max(b.rounds*2, 6), []contender{
		{name: "DuckDB", run: read(db, 1)},
		{name: "cached, validated at each read", run: read(cached, cachedReads)},
		{name: "cached, generation trusted", run: read(trusting, cachedReads)},
	})
	if err != nil {
		return nil, err
	}
	out = &section{
		name: "cache", title: "A read of " + count(cachedRows) + " rows, from DuckDB and from the cache over it",
		head: []string{"read", "time", "times faster", "allocations"},
	}
	direct := median(times[0])
	out.add("DuckDB", micro(direct), "1", fmt.Sprintf("%.0f", testing.AllocsPerRun(3, func() { _ = read(db, 1)() })))
	for i, s := range []core.Store{cached, trusting} {
		per := median(times[i+1]) / cachedReads
		out.add([]string{"cached, validated at each read", "cached, generation trusted"}[i], micro(per),
			fmt.Sprintf("%.0f", float64(direct)/float64(per)), fmt.Sprintf("%.0f", testing.AllocsPerRun(20, func() { _ = read(s, 1)() })))
	}
	out.note("Validating is a Stat of DuckDB. The batches handed out are the cached ones: column data is not copied. Wanted: at least 50 times faster.")
	return out, nil
}
