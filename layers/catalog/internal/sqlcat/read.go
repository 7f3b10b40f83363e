package sqlcat

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// pageEntries is how many features a page of Features reads at once.
const pageEntries = 256

// Entry is Catalog's.
func (c *Catalog) Entry(ctx context.Context, key core.FeatureKey) (catalog.Entry, error) {
	e := catalog.Entry{Key: key, Mode: c.options.Mode}
	if err := c.check(ctx); err != nil {
		return e, err
	}
	err := c.db.View(ctx, func(tx Tx) error {
		found, err := c.entries(ctx, tx, `key = $1`, with(string(key)))
		if err == nil && len(found) == 1 {
			e = found[0]
		}
		return err
	})
	return e, c.wrap(ctx, key, err)
}

// entries reads the features of a condition, in key order.
func (c *Catalog) entries(ctx context.Context, tx Tx, condition string, args []any) ([]catalog.Entry, error) {
	var out []catalog.Entry
	at := map[int64]int{}
	pending := false
	err := each(ctx, tx, `SELECT `+featureColumns+`, key, info FROM feature WHERE `+condition, args, func(r Rows) error {
		var f feature
		var key string
		var info []byte
		if err := r.Scan(append(f.into(), &key, &info)...); err != nil {
			return err
		}
		e := catalog.Entry{
			Key: core.FeatureKey(key), Commits: f.commits, Through: f.through, Generation: f.generation, Rows: f.rows, Mode: f.mode,
		}
		if f.commits > 0 {
			e.Last = instant(f.last)
		}
		var err error
		e.Info, err = decodeInfo(e.Key, info)
		at[f.id] = len(out)
		out = append(out, e)
		pending = pending || f.pending > 0
		return err
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	err = each(ctx, tx, `SELECT feature, name, sample_count, versions FROM container WHERE feature IN (SELECT id FROM feature WHERE `+condition+`) ORDER BY feature, name`, args, func(r Rows) error {
		var id int64
		var n catalog.ContainerCount
		if err := r.Scan(&id, &n.Container, &n.Rows, &n.Versions); err != nil {
			return err
		}
		e := &out[at[id]]
		if e.Mode != catalog.Exact {
			n.Versions = -1
		}
		e.Containers = append(e.Containers, n)
		return nil
	})
	if err != nil || !pending {
		return out, err
	}
	return out, each(ctx, tx, `SELECT feature, id, begun FROM intent WHERE feature IN (SELECT id FROM feature WHERE `+condition+`) ORDER BY feature, begun, id`, args, func(r Rows) error {
		var id, begun int64
		var name []byte
		if err := r.Scan(&id, &name, &begun); err != nil {
			return err
		}
		e := &out[at[id]]
		e.Pending = append(e.Pending, catalog.Intent{Key: e.Key, ID: string(name), Begun: instant(begun)})
		return nil
	})
}

// Features is Catalog's. It reads a page at a time, so that a slow reader
// keeps nothing waiting; each page is one state of the catalog.
func (c *Catalog) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	return func(yield func(catalog.Entry, error) bool) {
		after, n := string(q.After), 0
		for {
			if err := c.check(ctx); err != nil {
				yield(catalog.Entry{}, err)
				return
			}
			var page []catalog.Entry
			err := c.db.View(ctx, func(tx Tx) (err error) {
				page, err = c.entries(ctx, tx, `key > $1 AND key >= $2 ORDER BY key LIMIT 256`, with(after, q.Prefix))
				return err
			})
			if err != nil {
				yield(catalog.Entry{}, c.wrap(ctx, "", err))
				return
			}
			for _, e := range page {
				after = string(e.Key)
				if !strings.HasPrefix(after, q.Prefix) {
					return
				}
				if !q.Matches(e) {
					continue
				}
				if n++; !yield(e, nil) || n == q.Limit {
					return
				}
			}
			if len(page) < pageEntries {
				return
			}
		}
	}
}

const commitColumns = `seq, id, sample_count, bytes, at, feature_version, tombstones, basis, identity`

func scanCommit(r Rows) (m catalog.Materialization, err error) {
	var at, tombstones int64
	var id, version, basis, identity []byte
	k := &m.Commit
	if err := r.Scan(&k.Seq, &id, &k.Rows, &k.Bytes, &at, &version, &tombstones, &basis, &identity); err != nil {
		return m, err
	}
	k.ID, k.Time, k.FeatureVersion, k.Tombstones, m.Identity = string(id), instant(at), string(version), tombstones != 0, string(identity)
	k.Basis, err = decodeBasis(basis)
	return m, err
}

// commit finds a registered commit.
func (c *Catalog) commit(ctx context.Context, tx Tx, id, seq int64) (m catalog.Materialization, found bool, err error) {
	err = each(ctx, tx, `SELECT `+commitColumns+` FROM materialization WHERE feature = $1 AND seq = $2`, with(id, seq), func(r Rows) (err error) {
		found = true
		m, err = scanCommit(r)
		return err
	})
	return m, found, err
}

// History is Catalog's.
func (c *Catalog) History(ctx context.Context, key core.FeatureKey) iter.Seq2[catalog.Materialization, error] {
	return func(yield func(catalog.Materialization, error) bool) {
		after := int64(0)
		for {
			if err := c.check(ctx); err != nil {
				yield(catalog.Materialization{}, err)
				return
			}
			var page []catalog.Materialization
			err := c.db.Again(ctx, func() error {
				page = nil
				return each(ctx, c.db.Read(), `SELECT `+commitColumns+` FROM materialization WHERE feature = (SELECT id FROM feature WHERE key = $1) AND seq > $2 ORDER BY seq LIMIT 256`,
					with(string(key), after), func(r Rows) error {
						m, err := scanCommit(r)
						m.Key = key
						page = append(page, m)
						return err
					})
			})
			if err != nil {
				yield(catalog.Materialization{}, c.wrap(ctx, key, err))
				return
			}
			for _, m := range page {
				if after = m.Commit.Seq; !yield(m, nil) {
					return
				}
			}
			if len(page) < pageEntries {
				return
			}
		}
	}
}

// times maps the commits of a feature to their times.
func times(ctx context.Context, tx Tx, id int64) (map[int64]catalog.Time, error) {
	out := map[int64]catalog.Time{}
	return out, each(ctx, tx, `SELECT seq, at FROM materialization WHERE feature = $1`, with(id), func(r Rows) error {
		var seq, at int64
		err := r.Scan(&seq, &at)
		out[seq] = instant(at)
		return err
	})
}

// names are the containers of a feature in bytewise order.
func names(e catalog.Entry) []string {
	var out []string
	for _, c := range e.Containers {
		out = append(out, c.Container)
	}
	slices.Sort(out)
	return out
}
