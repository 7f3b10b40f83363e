package sqlcat

import (
	"bytes"
	"context"
	"iter"
	"sort"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// The states of a run. Only live ones are read.
const (
	stateBuilding = iota
	stateLive
	stateDead // its pages may be gone already
)

// place is a container of a feature.
type place struct {
	feature   int64
	container string
	key       core.FeatureKey
	hashed    bool // its runs are of hashes
	urgent    bool // the merging has fallen behind
}

// run is a stored run without its pages.
type run struct {
	id        int64
	container string
	keys      int64
	pages     bool
	parts     []part
}

// part is one filter of a run, known by its first key.
type part struct {
	no    int64
	first []byte
}

// part finds the filter whose range the key falls into.
func (r run) part(key []byte) (part, bool) {
	i := sort.Search(len(r.parts), func(i int) bool { return bytes.Compare(r.parts[i].first, key) > 0 })
	if i == 0 {
		return part{}, false
	}
	return r.parts[i-1], true
}

// level gives the runs of one level that can be merged.
func level(all []run, n int) []run {
	var out []run
	for _, r := range all {
		if r.pages && runs.Level(r.keys) == n {
			out = append(out, r)
		}
	}
	return out
}

// runs reads the live runs of a container, or of all with "".
func (c *Catalog) runs(ctx context.Context, tx Tx, feature int64, container string) ([]run, error) {
	condition, args := ``, with(feature)
	if container != "" {
		condition, args = ` AND r.container = $2`, with(feature, container)
	}
	var out []run
	return out, each(ctx, tx, `SELECT r.id, r.container, r.keys, r.pages, p.no, p.first FROM run r JOIN part p ON p.run = r.id
		WHERE r.feature = $1 AND r.state = 1`+condition+` ORDER BY r.id, p.no`, args, func(rows Rows) error {
		var r run
		var p part
		var pages int64
		if err := rows.Scan(&r.id, &r.container, &r.keys, &pages, &p.no, &p.first); err != nil {
			return err
		}
		if len(out) == 0 || out[len(out)-1].id != r.id {
			r.pages = pages != 0
			out = append(out, r)
		}
		last := &out[len(out)-1]
		last.parts = append(last.parts, p)
		return nil
	})
}

// bulkRows is how many pages are handed to the database at once.
const bulkRows = 128

// writeRun stores a live run: a sorted sequence inside one transaction. An empty one
// leaves nothing.
func (c *Catalog) writeRun(ctx context.Context, tx Tx, at place, pages bool, entries iter.Seq2[runs.Entry, error]) error {
	id, err := c.newRun(ctx, tx, at, stateLive, pages)
	if err != nil {
		return err
	}
	keys, err := c.fillRun(ctx, id, at.hashed, pages, entries, func(table string, columns []string, rows [][]any) error {
		c.step("pages")
		return tx.Bulk(ctx, table, columns, rows)
	})
	if err != nil {
		return err
	}
	if keys == 0 {
		_, err = tx.Exec(ctx, `DELETE FROM run WHERE id = $1`, id)
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE run SET keys = $2 WHERE id = $1`, id, keys)
	return err
}

func (c *Catalog) newRun(ctx context.Context, tx Tx, at place, state int, pages bool) (id int64, err error) {
	_, err = one(ctx, tx, `INSERT INTO run (feature, container, state, pages) VALUES ($1, $2, $3, $4) RETURNING id`,
		with(at.feature, at.container, int64(state), flag(pages)), &id)
	return id, err
}

// fillRun cuts a sequence into pages and parts and hands them to bulk in chunks.
func (c *Catalog) fillRun(ctx context.Context, id int64, hashed, pages bool, entries iter.Seq2[runs.Entry, error], bulk func(table string, columns []string, rows [][]any) error) (int64, error) {
	var chunk [][]any
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := bulk("block", []string{"run", "first", "data"}, chunk)
		chunk = chunk[:0]
		return err
	}
	w := runs.Writer{HashKey: hashed, Part: func(p runs.StoredPart) error {
		return bulk("part", []string{"run", "no", "first", "keys", "filter"}, [][]any{{id, int64(p.No), p.First, p.Keys, p.Filter}})
	}}
	if pages {
		w.Page = func(p runs.StoredPage) error {
			if chunk = append(chunk, []any{id, p.First, p.Data}); len(chunk) == bulkRows {
				return flush()
			}
			return nil
		}
	}
	n := 0
	for e, err := range entries {
		if err != nil {
			return 0, err
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err := w.Add(e); err != nil {
			return 0, err
		}
	}
	keys, err := w.End()
	if err != nil {
		return 0, err
	}
	return keys, flush()
}

// sources opens runs for reading, inside a transaction.
func (c *Catalog) sources(ctx context.Context, tx Tx, of []run) []runs.Source {
	var out []runs.Source
	for _, r := range of {
		out = append(out, runs.NewStored(func(after []byte) (pages []runs.StoredPage, err error) {
			if after == nil {
				after = []byte{}
			}
			return pages, each(ctx, tx, `SELECT first, data FROM block WHERE run = $1 AND first > $2 ORDER BY first LIMIT 16`, with(r.id, after), func(rows Rows) error {
				var p runs.StoredPage
				err := rows.Scan(&p.First, &p.Data)
				pages = append(pages, p)
				return err
			})
		}))
	}
	return out
}

// remove deletes small runs at once.
func (c *Catalog) remove(ctx context.Context, tx Tx, of []run) error {
	for _, r := range of {
		for _, s := range []string{`DELETE FROM block WHERE run = $1`, `DELETE FROM part WHERE run = $1`, `DELETE FROM run WHERE id = $1`} {
			if _, err := tx.Exec(ctx, s, r.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// full names the place when one of its levels has as many runs as are merged.
func (c *Catalog) full(ctx context.Context, tx Tx, at place) ([]place, error) {
	counts := map[int]int{}
	err := each(ctx, tx, `SELECT keys FROM run WHERE feature = $1 AND container = $2 AND state = 1 AND pages = 1`, with(at.feature, at.container), func(r Rows) error {
		var keys int64
		err := r.Scan(&keys)
		counts[runs.Level(keys)]++
		return err
	})
	for _, n := range counts {
		if n >= runs.Fanout {
			at.urgent = at.urgent || n >= urgent*runs.Fanout
			return []place{at}, err
		}
	}
	return nil, err
}
