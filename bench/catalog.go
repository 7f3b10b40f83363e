package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

const (
	catalogFeatures = 100_000
	catalogAsked    = 200_000 // questions to a catalog
	catalogStats    = 2000    // and to a store, which is slower
	catalogCommits  = 10      // of the feature with many versions, eight of which are merged in the background
	catalogSettled  = 7       // as many as nothing merges
	catalogKey      = core.FeatureKey("bench/versions")
)

// catalogTable tells what questions to a catalog cost, and what keeping it does.
func (b *bench) catalogTable(ctx context.Context) (*section, error) {
	out := &section{
		name: "catalog", title: "The catalog",
		head: []string{"what", "p50", "p99", "beside it", "ratio", "wanted"},
	}
	for _, part := range []func(context.Context, *section) error{b.existence, b.versionAmong, b.registration, b.writersAtOnce} {
		if err := part(ctx, out); err != nil {
			return nil, err
		}
	}
	n := b.cryptoRows()
	out.note("Existence is asked of %s features with a commit each. Beside it is the indexed query that answers the same, prepared, on the same file, or Stat of a DuckDB file with %d features and no catalog. Versions: %s digests in %d or %d commits of one feature; half of the questions are about versions that are not there, those find nothing in the filters.",
		count(b.catalogFeatures()), duckFeatures, count(n*catalogCommits), catalogSettled, catalogCommits)
	out.note("Registration is what a write of %s rows takes longer through the layer, over a new SQLite file and a new DuckDB file a round; beside it is the bare write, in the same process in turn. The ratio is the median of the rounds'.", count(n))
	return out, nil
}

// catalogFeatures are 100 k, or fewer in a small run.
func (b *bench) catalogFeatures() int64 { return min(catalogFeatures, b.cryptoRows()) }

// quantiles asks a question so many times and sorts how long each took.
func quantiles(times int, ask func(i int) error) ([]time.Duration, error) {
	took := make([]time.Duration, 0, times)
	for i := range times {
		began := time.Now()
		err := ask(i)
		took = append(took, time.Since(began))
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

func p50(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }
func p99(sorted []time.Duration) time.Duration { return sorted[len(sorted)*99/100] }

func quotient(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

func hasFeature(ctx context.Context, c catalog.Catalog, keys []core.FeatureKey) func(int) error {
	return func(i int) error {
		p, err := c.HasFeature(ctx, keys[i*7919%len(keys)])
		if err == nil && p != catalog.Yes {
			err = fmt.Errorf("a feature that is there: %d", p)
		}
		return err
	}
}

// existence compares catalogs with the raw query and with a store.
func (b *bench) existence(ctx context.Context, out *section) (err error) {
	path := filepath.Join(b.dir, "existence.db")
	lite, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lite.Close()) }()
	memory := catalog.NewMemory()
	defer func() { err = errors.Join(err, memory.Close()) }()
	keys := make([]core.FeatureKey, b.catalogFeatures())
	for i := range keys {
		keys[i] = core.FeatureKey(fmt.Sprintf("team%d/feature%d", i%97, i))
		m := catalog.Materialization{Key: keys[i], Commit: core.Commit{Seq: 1, Rows: 1, Time: time.Unix(1_700_000_000, 0)}}
		if err := errors.Join(lite.RegisterMaterialization(ctx, m, catalog.Versions{}), memory.RegisterMaterialization(ctx, m, catalog.Versions{})); err != nil {
			return err
		}
	}
	b.log("catalog: %d features registered", len(keys))
	raw, end, err := rawExistence(ctx, path, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	store, endStore, err := b.duckExistence(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endStore()) }()
	var got [4][]time.Duration
	for i, c := range []struct {
		times int
		ask   func(int) error
	}{{catalogAsked, hasFeature(ctx, memory, keys)}, {catalogAsked, hasFeature(ctx, lite, keys)}, {catalogAsked / 10, raw}, {catalogStats, store}} {
		if err := c.ask(0); err != nil { // the first question fills copies
			return err
		}
		if got[i], err = quantiles(c.times, c.ask); err != nil {
			return err
		}
	}
	out.add("HasFeature, memory", micro(p50(got[0])), micro(p99(got[0])), "", "", "p50 1.00 µs")
	out.add("HasFeature, SQLite, against the raw query", micro(p50(got[1])), micro(p99(got[1])), micro(p50(got[2])), quotient(p50(got[2]), p50(got[1])), "p50 5.00 µs")
	out.add("HasFeature, SQLite, against Stat of DuckDB", micro(p50(got[1])), micro(p99(got[1])), micro(p50(got[3])), quotient(p50(got[3]), p50(got[1])), "ratio 100")
	return nil
}

// rawExistence asks the catalog's own table, by its key.
func rawExistence(ctx context.Context, path string, keys []core.FeatureKey) (func(int) error, func() error, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)")
	if err != nil {
		return nil, nil, err
	}
	ask, err := db.PrepareContext(ctx, `SELECT commits FROM feature WHERE key = ?`)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return func(i int) error {
		var commits int64
		err := ask.QueryRowContext(ctx, string(keys[i*7919%len(keys)])).Scan(&commits)
		if err == nil && commits != 1 {
			err = fmt.Errorf("%d commits", commits)
		}
		return err
	}, func() error { return errors.Join(ask.Close(), db.Close()) }, nil
}

const duckFeatures = 100

// duckExistence asks a DuckDB file with a few features.
func (b *bench) duckExistence(ctx context.Context) (func(int) error, func() error, error) {
	s, err := duckdb.Open(ctx, filepath.Join(b.dir, "existence.duckdb"))
	if err != nil {
		return nil, nil, err
	}
	var keys []core.FeatureKey
	for i := range duckFeatures {
		key := core.FeatureKey(fmt.Sprintf("team%d/feature%d", i%7, i))
		p, rows, err := peopleOf(key, 10, 1)
		if err == nil {
			_, err = s.Write(ctx, core.WriteRequest{Plan: p, Rows: rows})
		}
		if err != nil {
			return nil, nil, errors.Join(err, s.Close())
		}
		keys = append(keys, key)
	}
	return func(i int) error {
		_, err := s.Stat(ctx, core.StatRequest{Key: keys[i*31%len(keys)]})
		return err
	}, s.Close, nil
}

// manyVersions are the digests of one commit, as the layer hands them over.
func manyVersions(n int64, commit uint64) catalog.Versions {
	return catalog.Versions{Containers: []catalog.ContainerVersions{{
		Container: "content", Rows: n, Distinct: n,
		Sorted: func(yield func([]byte, int64) bool) {
			var key []byte
			for i := range n {
				if key = catalog.EncodeVersion(key[:0], ascending(i, n, commit)); !yield(key, 1) {
					return
				}
			}
		},
	}}}
}

// ascending is the ith digest of n in order: its beginning says where among
// all digests it is, the rest is like any digest's.
func ascending(i, n int64, commit uint64) string {
	var digest [64]byte
	putDigest(&digest, commit, uint64(i))
	step := ^uint64(0) / uint64(n)
	return fmt.Sprintf("%016x", uint64(i)*step+commit) + string(digest[16:])
}

// versionAmong asks for single versions of a large feature.
func (b *bench) versionAmong(ctx context.Context, out *section) error {
	all := b.cryptoRows() * catalogCommits
	return errors.Join(
		b.versions(ctx, out, catalogSettled, all/catalogSettled, ""),
		b.versions(ctx, out, catalogCommits, all/catalogCommits, ", while commits are merged"))
}

func (b *bench) versions(ctx context.Context, out *section, commits uint64, n int64, how string) (err error) {
	path := filepath.Join(b.dir, fmt.Sprintf("versions-%d.db", commits))
	c, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for seq := range commits {
		m := catalog.Materialization{Key: catalogKey, Commit: core.Commit{Seq: int64(seq) + 1, Rows: n, Time: time.Unix(1_700_000_000, 0)}}
		if err := c.RegisterMaterialization(ctx, m, manyVersions(n, seq)); err != nil {
			return err
		}
		b.log("catalog: %d commits of %d versions", seq+1, n)
	}
	question := func(i int) (string, catalog.Presence) {
		at, commit := int64(i)*7919%n, uint64(i)%commits
		if i%2 == 1 {
			return ascending(at, n, commit+commits), catalog.No
		}
		return ascending(at, n, commit), catalog.Yes
	}
	// The questions are made beforehand: that takes longer than some answers.
	type pair struct {
		version string
		want    catalog.Presence
	}
	asked := make([]pair, catalogAsked/4)
	for i := range asked {
		asked[i].version, asked[i].want = question(i)
	}
	ask := func(i int) error {
		got, err := c.HasFeature(ctx, catalogKey, catalog.WithVersion(asked[i].version))
		if err == nil && got != asked[i].want {
			err = fmt.Errorf("version %d: %d, want %d", i, got, asked[i].want)
		}
		return err
	}
	for i := range 64 { // reads the filters
		if err := ask(i); err != nil {
			return err
		}
	}
	took, err := quantiles(len(asked), ask)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	all := count(b.cryptoRows() * catalogCommits)
	out.add("one version among "+all+", SQLite"+how, micro(p50(took)), micro(p99(took)), "", "", "p99 200.00 µs")
	if how == "" {
		out.note("The SQLite file with %s versions takes %s.", all, mib(info.Size()))
	}
	return nil
}
