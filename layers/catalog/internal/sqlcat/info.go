package sqlcat

import (
	"context"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// MaterializationInfo is Catalog's.
func (c *Catalog) MaterializationInfo(ctx context.Context, key core.FeatureKey) (core.Rows, error) {
	e, err := c.Entry(ctx, key)
	if err != nil {
		return core.Rows{}, err
	}
	if !e.Known() {
		return core.Rows{}, c.wrap(ctx, key, core.ErrFeatureNotFound)
	}
	return catalog.InfoRows(func(yield func(catalog.VersionRow, error) bool) {
		if e.Mode != catalog.Exact {
			rows, err := c.totals(ctx, key)
			if err != nil {
				yield(catalog.VersionRow{}, c.wrap(ctx, key, err))
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			return
		}
		for _, name := range names(e) {
			for v, err := range c.MaterializedVersions(ctx, key, name) {
				if !yield(catalog.VersionRow{Container: name, Version: v.Version, Rows: v.Rows, Last: v.Last}, err) || err != nil {
					return
				}
			}
		}
	}), nil
}

// totals are the rows of each container, where versions are not kept exactly.
// All are read before the first is handed out: a read may be made again.
func (c *Catalog) totals(ctx context.Context, key core.FeatureKey) (rows []catalog.VersionRow, err error) {
	err = c.db.Again(ctx, func() error {
		rows = nil
		return each(ctx, c.db.Read(), `SELECT c.name, c.sample_count, m.at FROM container c JOIN materialization m ON m.feature = c.feature AND m.seq = c.last_seq
			WHERE c.feature = (SELECT id FROM feature WHERE key = $1) ORDER BY c.name`, with(string(key)), func(r Rows) error {
			var at int64
			row := catalog.VersionRow{Unknown: true}
			err := r.Scan(&row.Container, &row.Rows, &at)
			row.Last = instant(at)
			rows = append(rows, row)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}
