package sqlcat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// sealedKeys is from how many keys on a run of filters keeps no pages: it is
// not merged any more.
const sealedKeys = runs.PartKeys / 4

// addVersions adds one container's versions of a commit, and names the place
// when a level of its runs is full.
func (c *Catalog) addVersions(ctx context.Context, tx Tx, f *feature, m catalog.Materialization, v catalog.ContainerVersions) (full []place, err error) {
	at := place{feature: f.id, container: v.Container, key: m.Key, hashed: hashed(f.mode)}
	var fresh int64
	switch f.mode {
	case catalog.Exact:
		fresh, err = c.addExact(ctx, tx, at, m.Commit.Seq, v)
	case catalog.Filter:
		err = c.addHashes(ctx, tx, at, m.Commit.Seq, v)
	case catalog.Counts:
	}
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO container (feature, name, sample_count, versions, last_seq) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (feature, name) DO UPDATE SET sample_count = container.sample_count + excluded.sample_count, versions = container.versions + excluded.versions,
		last_seq = CASE WHEN container.last_seq < excluded.last_seq THEN excluded.last_seq ELSE container.last_seq END`,
		f.id, v.Container, v.Rows, fresh, m.Commit.Seq)
	if err != nil || f.mode == catalog.Counts {
		return nil, err
	}
	return c.full(ctx, tx, at)
}

// addExact writes a run of the versions and says how many no earlier commit had.
func (c *Catalog) addExact(ctx context.Context, tx Tx, at place, seq int64, v catalog.ContainerVersions) (fresh int64, err error) {
	there, err := c.runs(ctx, tx, at.feature, at.container)
	if err != nil {
		return 0, err
	}
	seen := c.newLookup(tx, there, v.Distinct)
	var small []run
	if runs.Level(v.Distinct) == 0 {
		small = level(there, 0)
	}
	var distinct, rows int64
	counted := func(yield func(runs.Entry, error) bool) {
		distinct, rows, fresh = 0, 0, 0
		for key, n := range v.Sorted {
			distinct, rows = distinct+1, rows+n
			known, err := seen.has(ctx, key)
			if !known {
				fresh++
			}
			if !yield(runs.Entry{Key: key, Count: n, Seq: seq}, err) || err != nil {
				return
			}
		}
		if err := v.Complete(distinct, rows); err != nil {
			yield(runs.Entry{}, err)
		}
	}
	err = c.writeSmall(ctx, tx, at, true, small, counted)
	return fresh, err
}

// writeSmall stores a run, together with the small ones of its place once these are as
// many as are merged: merging them at once costs less than looking after them.
func (c *Catalog) writeSmall(ctx context.Context, tx Tx, at place, pages bool, small []run, entries iter.Seq2[runs.Entry, error]) error {
	if len(small) < runs.Fanout-1 {
		return c.writeRun(ctx, tx, at, pages, entries)
	}
	own, end := sourceOf(entries)
	defer end()
	if err := c.writeRun(ctx, tx, at, pages, runs.Merge(append(c.sources(ctx, tx, small), own)...)); err != nil {
		return err
	}
	return c.remove(ctx, tx, small)
}

// addHashes writes runs of 8 bytes a version, sorted a part at a time.
func (c *Catalog) addHashes(ctx context.Context, tx Tx, at place, seq int64, v catalog.ContainerVersions) error {
	var hashes []uint64
	flush := func() error {
		slices.Sort(hashes)
		hashes = slices.Compact(hashes)
		pages := len(hashes) < sealedKeys
		entries := func(yield func(runs.Entry, error) bool) {
			key := make([]byte, 0, 8)
			for _, h := range hashes {
				if !yield(runs.Entry{Key: runs.HashKey(key, h), Count: 1, Seq: seq}, nil) {
					return
				}
			}
		}
		var small []run
		if runs.Level(int64(len(hashes))) == 0 {
			there, err := c.runs(ctx, tx, at.feature, at.container)
			if err != nil {
				return err
			}
			small = level(there, 0)
		}
		return c.writeSmall(ctx, tx, at, pages, small, entries)
	}
	var distinct, rows int64
	for version, n := range v.Sorted {
		distinct, rows = distinct+1, rows+n
		if hashes = append(hashes, runs.Hash(version)); len(hashes) == runs.PartKeys {
			if err := flush(); err != nil {
				return err
			}
			hashes = hashes[:0]
		}
	}
	if err := v.Complete(distinct, rows); err != nil {
		return err
	}
	if len(hashes) == 0 {
		return nil
	}
	return flush()
}

// sourceOf turns a sequence with errors into a source.
func sourceOf(seq iter.Seq2[runs.Entry, error]) (runs.Source, func()) {
	next, stop := iter.Pull2(seq)
	return pulled(next), stop
}

type pulled func() (runs.Entry, error, bool)

func (p pulled) Next() (runs.Entry, bool, error) {
	e, err, ok := p()
	return e, ok && err == nil, err
}

// MaterializedVersions is Catalog's. It holds one state of the catalog for as
// long as the loop runs.
func (c *Catalog) MaterializedVersions(ctx context.Context, key core.FeatureKey, container string) iter.Seq2[catalog.VersionCount, error] {
	return func(yield func(catalog.VersionCount, error) bool) {
		if err := c.check(ctx); err != nil {
			yield(catalog.VersionCount{}, err)
			return
		}
		yielded := false
		err := c.db.View(ctx, func(tx Tx) (err error) {
			defer func() {
				if yielded && err != nil && !errors.Is(err, errStopped) {
					err = c.db.Error(err) // not to be run again: the reader would see versions twice
				}
			}()
			f, found, err := c.feature(ctx, tx, key)
			if mode := c.modeOf(f, found); err == nil && mode != catalog.Exact {
				err = fmt.Errorf("%w: this catalog keeps no exact versions: open it with another mode and rebuild it", core.ErrUnsupported)
			}
			if err != nil || !found {
				return err
			}
			last, err := times(ctx, tx, f.id)
			if err != nil {
				return err
			}
			return c.versions(ctx, tx, f.id, container, func(e runs.Entry) error {
				text, ok := catalog.DecodeVersion(e.Key)
				if !ok {
					return fmt.Errorf("%w: a version that nobody encoded", core.ErrIntegrity)
				}
				yielded = true
				if !yield(catalog.VersionCount{Version: text, Rows: e.Count, Last: last[e.Seq]}, nil) {
					return errStopped
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(catalog.VersionCount{}, c.wrap(ctx, key, err))
		}
	}
}

// modeOf is how the feature's versions are kept.
func (c *Catalog) modeOf(f feature, found bool) catalog.Mode {
	if found && f.commits > 0 {
		return f.mode
	}
	return c.options.Mode
}

// errStopped ends a loop that its reader left.
var errStopped = errors.New("the reader left")

// versions calls f for every key of a container, merged over its runs.
func (c *Catalog) versions(ctx context.Context, tx Tx, id int64, container string, f func(runs.Entry) error) error {
	there, err := c.runs(ctx, tx, id, container)
	if err != nil {
		return err
	}
	sources := c.sources(ctx, tx, there)
	n := 0
	for e, err := range runs.Merge(sources...) {
		if err != nil {
			return err
		}
		if n++; n%1024 == 0 {
			if err := c.check(ctx); err != nil {
				return err
			}
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}
