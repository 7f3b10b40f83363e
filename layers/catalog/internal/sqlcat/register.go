package sqlcat

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// feature is a row of the table of features.
type feature struct {
	id, commits, through, generation, rows, last, pending int64
	mode                                                  catalog.Mode
	infoGeneration, infoSchema                            int64
}

const featureColumns = `id, mode, commits, through, generation, sample_count, last_at, pending, info_generation, info_schema`

func (f *feature) into() []any {
	return []any{&f.id, &f.mode, &f.commits, &f.through, &f.generation, &f.rows, &f.last, &f.pending, &f.infoGeneration, &f.infoSchema}
}

func (c *Catalog) feature(ctx context.Context, tx Tx, key core.FeatureKey) (f feature, found bool, err error) {
	found, err = one(ctx, tx, `SELECT `+featureColumns+` FROM feature WHERE key = $1`, with(string(key)), f.into()...)
	return f, found, err
}

// ensure gives the feature's row and makes one where there is none.
func (c *Catalog) ensure(ctx context.Context, tx Tx, key core.FeatureKey) (feature, error) {
	f, found, err := c.feature(ctx, tx, key)
	if err != nil || found {
		return f, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO feature (key, mode) VALUES ($1, $2) ON CONFLICT DO NOTHING`, string(key), int64(c.options.Mode)); err != nil {
		return f, err
	}
	f, _, err = c.feature(ctx, tx, key)
	return f, err
}

// update runs f on the feature's row in a transaction that is alone with it.
func (c *Catalog) update(ctx context.Context, key core.FeatureKey, f func(Tx, *feature) (changed bool, err error)) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	err := c.db.Update(ctx, key, func(tx Tx) error {
		row, err := c.ensure(ctx, tx, key)
		if err != nil {
			return err
		}
		c.step("begun")
		changed, err := f(tx, &row)
		if err != nil || !changed {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE feature SET commits = $2, through = $3, generation = $4, sample_count = $5, last_at = $6, pending = $7 WHERE id = $1`,
			row.id, row.commits, row.through, row.generation, row.rows, row.last, row.pending)
		if err != nil {
			return err
		}
		c.step("counted")
		return tx.Touch(ctx, row.id, key)
	})
	c.step("committed")
	if c.copies.Stamp == nil {
		c.states.forget(key)
	}
	return c.wrap(ctx, key, err)
}

// RegisterMaterialization is Catalog's.
func (c *Catalog) RegisterMaterialization(ctx context.Context, m catalog.Materialization, versions catalog.Versions) error {
	if err := m.Check(); err != nil {
		return err
	}
	var full []place
	err := c.update(ctx, m.Key, func(tx Tx, f *feature) (bool, error) {
		full = nil
		there, found, err := c.commit(ctx, tx, f.id, m.Commit.Seq)
		if err != nil {
			return false, err
		}
		if found && !catalog.Same(there.Commit, m.Commit) {
			return false, fmt.Errorf("%w: commit %d is registered as another one: the catalog belongs to another store", core.ErrConflict, m.Commit.Seq)
		}
		changed := !found || there.Identity == "" && m.Identity != ""
		switch {
		case !found:
			full, err = c.add(ctx, tx, f, m, versions)
		case changed: // somebody repaired it who did not know who made it
			_, err = tx.Exec(ctx, `UPDATE materialization SET identity = $3 WHERE feature = $1 AND seq = $2`, f.id, m.Commit.Seq, []byte(m.Identity))
		}
		if err != nil {
			return false, err
		}
		described, err := c.describe(ctx, tx, f, m.Info)
		if err != nil {
			return false, err
		}
		ended, err := c.end(ctx, tx, f, m.IntentID)
		return changed || described || ended, err
	})
	if err != nil {
		return err
	}
	c.tidy(ctx, full)
	return nil
}

// add records a commit that is not there yet.
func (c *Catalog) add(ctx context.Context, tx Tx, f *feature, m catalog.Materialization, versions catalog.Versions) (full []place, err error) {
	basis, err := encodeBasis(m.Commit.Basis)
	if err != nil {
		return nil, err
	}
	k := m.Commit
	_, err = tx.Exec(ctx, `INSERT INTO materialization (feature, seq, id, sample_count, bytes, at, feature_version, tombstones, basis, identity)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		f.id, k.Seq, []byte(k.ID), k.Rows, k.Bytes, micros(k.Time), []byte(k.FeatureVersion), flag(k.Tombstones), basis, []byte(m.Identity))
	if err != nil {
		return nil, err
	}
	c.step("inserted")
	if f.commits == 0 && f.mode != c.options.Mode { // it was made for an intent, by a catalog of another mode
		f.mode = c.options.Mode
		if _, err := tx.Exec(ctx, `UPDATE feature SET mode = $2 WHERE id = $1`, f.id, int64(f.mode)); err != nil {
			return nil, err
		}
	}
	for _, v := range versions.Containers {
		more, err := c.addVersions(ctx, tx, f, m, v)
		if err != nil {
			return nil, err
		}
		full = append(full, more...)
		c.step("versions")
	}
	f.commits++
	if !k.Tombstones {
		f.rows += k.Rows
	}
	if k.Seq > f.generation {
		f.generation, f.last = k.Seq, micros(k.Time)
	}
	f.through, err = c.advance(ctx, tx, f.id, f.through, k.Seq)
	return full, err
}

// advance finds how far the commits go without a gap.
func (c *Catalog) advance(ctx context.Context, tx Tx, id, through, added int64) (int64, error) {
	if added != through+1 {
		return through, nil // the gap before it is still there
	}
	gap := false
	err := each(ctx, tx, `SELECT seq FROM materialization WHERE feature = $1 AND seq > $2 ORDER BY seq`, with(id, through), func(r Rows) error {
		var seq int64
		if err := r.Scan(&seq); err != nil {
			return err
		}
		if gap = gap || seq != through+1; !gap {
			through = seq
		}
		return nil
	})
	return through, err
}

// describe replaces the description by a newer one.
func (c *Catalog) describe(ctx context.Context, tx Tx, f *feature, info core.Info) (bool, error) {
	there := core.Info{Generation: f.infoGeneration, SchemaVersion: int(f.infoSchema)}
	if f.commits == 0 || !catalog.Newer(there, info) {
		return false, nil
	}
	b, err := encodeInfo(info)
	if err != nil {
		return false, err
	}
	f.infoGeneration, f.infoSchema = info.Generation, int64(info.SchemaVersion)
	_, err = tx.Exec(ctx, `UPDATE feature SET info = $2, info_generation = $3, info_schema = $4 WHERE id = $1`, f.id, b, f.infoGeneration, f.infoSchema)
	return true, err
}

// Describe is Catalog's.
func (c *Catalog) Describe(ctx context.Context, info core.Info) error {
	return c.update(ctx, info.Key, func(tx Tx, f *feature) (bool, error) { return c.describe(ctx, tx, f, info) })
}

// Begin is Catalog's.
func (c *Catalog) Begin(ctx context.Context, intent catalog.Intent) error {
	if err := intent.Check(); err != nil {
		return err
	}
	return c.update(ctx, intent.Key, func(tx Tx, f *feature) (bool, error) {
		if _, err := c.end(ctx, tx, f, intent.ID); err != nil {
			return false, err
		}
		f.pending++
		_, err := tx.Exec(ctx, `INSERT INTO intent (feature, id, begun) VALUES ($1, $2, $3)`, f.id, []byte(intent.ID), micros(intent.Begun))
		return true, err
	})
}

// Abandon is Catalog's.
func (c *Catalog) Abandon(ctx context.Context, intent catalog.Intent) error {
	if err := intent.Check(); err != nil {
		return err
	}
	return c.update(ctx, intent.Key, func(tx Tx, f *feature) (bool, error) { return c.end(ctx, tx, f, intent.ID) })
}

// end removes an intent; one that is not there is no error.
func (c *Catalog) end(ctx context.Context, tx Tx, f *feature, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	n, err := tx.Exec(ctx, `DELETE FROM intent WHERE feature = $1 AND id = $2`, f.id, []byte(id))
	f.pending -= n
	return n > 0, err
}

// Drop is Catalog's. The pages go in the background: there may be many.
func (c *Catalog) Drop(ctx context.Context, key core.FeatureKey) error {
	err := c.update(ctx, key, func(tx Tx, f *feature) (bool, error) {
		for _, s := range []string{
			`DELETE FROM materialization WHERE feature = $1`, `DELETE FROM container WHERE feature = $1`,
			`UPDATE run SET state = 2 WHERE feature = $1`,
			`UPDATE feature SET info = NULL, info_generation = 0, info_schema = 0 WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, s, f.id); err != nil {
				return false, err
			}
			c.step("dropping")
		}
		// What is registered from now on is kept as this catalog was opened for.
		if _, err := tx.Exec(ctx, `UPDATE feature SET mode = $2 WHERE id = $1`, f.id, int64(c.options.Mode)); err != nil {
			return false, err
		}
		*f = feature{id: f.id, pending: f.pending}
		return true, nil
	})
	if err != nil {
		return err
	}
	c.later(place{})
	return nil
}

func flag(on bool) int64 {
	if on {
		return 1
	}
	return 0
}
