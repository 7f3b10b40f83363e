package sqlcat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// lease is how long a merge may stay silent before another process takes over.
const lease = 5 * time.Minute

// urgent is how many times too many runs make a registration wait for a merge.
const urgent = 4

// tidy sees to places whose runs have become many: in the background, or at
// once where that has fallen behind. A registration never fails for it.
func (c *Catalog) tidy(ctx context.Context, full []place) {
	for _, at := range full {
		if at.urgent {
			_ = c.maintain(ctx, at)
			continue
		}
		c.later(at)
	}
}

// later hands a place to the goroutine in the background, and starts one when
// none runs. The zero place only sweeps.
func (c *Catalog) later(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return
	}
	if c.due[at] = true; c.working {
		return
	}
	c.working = true
	c.finished.Go(func() {
		for {
			at, ok := c.next()
			if !ok {
				return
			}
			// What fails is tried again after the next registration.
			_ = c.maintain(c.ctx, at)
		}
	})
}

func (c *Catalog) next() (place, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := range c.due {
		delete(c.due, at)
		if c.ctx.Err() == nil {
			return at, true
		}
	}
	c.working = false
	return place{}, false
}

// maintain merges the full levels of a place, if no other process does, and
// removes what is dead.
func (c *Catalog) maintain(ctx context.Context, at place) error {
	if at.key == "" {
		return c.sweep(ctx, core.FeatureKey(""))
	}
	owner := make([]byte, 8)
	rand.Read(owner)
	me := hex.EncodeToString(owner)
	for {
		got, err := c.claim(ctx, at, me)
		if err != nil || !got {
			return err
		}
		merged, err := c.merge(ctx, at, me)
		if e := c.release(context.WithoutCancel(ctx), at, me); err == nil {
			err = e
		}
		if err != nil || !merged {
			return err
		}
		if err := c.sweep(ctx, at.key); err != nil {
			return err
		}
	}
}

// claim makes this process the one that merges a container. What an earlier
// owner left half-written is dead from here on.
func (c *Catalog) claim(ctx context.Context, at place, me string) (got bool, err error) {
	now := time.Now()
	err = c.db.Update(ctx, at.key, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE container SET merger = $3, merger_at = $4 WHERE feature = $1 AND name = $2 AND (merger_at < $5 OR merger_at > $6)`,
			at.feature, at.container, me, micros(now), micros(now.Add(-lease)), micros(now.Add(lease)))
		if got = n > 0; err != nil || !got {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE run SET state = 2 WHERE feature = $1 AND container = $2 AND state = 0`, at.feature, at.container)
		return err
	})
	return got, err
}

func (c *Catalog) release(ctx context.Context, at place, me string) error {
	return c.db.Update(ctx, at.key, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE container SET merger_at = 0 WHERE feature = $1 AND name = $2 AND merger = $3`, at.feature, at.container, me)
		return err
	})
}

// merge makes one run of the lowest full level. It holds no connection while it
// asks for another, and no old state of the catalog: each read is a statement of
// its own and each write a short transaction. Pages are taken away only from
// runs that are not live, and those stay so; if all victims are live at the end,
// all of their pages were read.
func (c *Catalog) merge(ctx context.Context, at place, me string) (merged bool, err error) {
	all, err := c.runs(ctx, c.db.Read(), at.feature, at.container)
	if err != nil {
		return false, err
	}
	victims := lowest(all)
	if len(victims) == 0 {
		return false, nil
	}
	var most int64
	for _, r := range victims {
		most += r.keys
	}
	pages := !at.hashed || most < sealedKeys
	var id int64
	if err := c.short(ctx, at, me, func(tx Tx) (err error) {
		id, err = c.newRun(ctx, tx, at, stateBuilding, pages)
		return err
	}); err != nil {
		return false, err
	}
	c.step("merging")
	keys, err := c.fillRun(ctx, id, at.hashed, pages, runs.Merge(c.sources(ctx, c.db.Read(), victims)...), func(table string, columns []string, rows [][]any) error {
		c.step("merging")
		return c.short(ctx, at, me, func(tx Tx) error { return tx.Bulk(ctx, table, columns, rows) })
	})
	if err != nil {
		return false, err
	}
	err = c.short(ctx, at, me, func(tx Tx) error { return c.replace(ctx, tx, at, victims, id, keys) })
	return err == nil, err
}

// replace makes the merged run live in place of its victims.
func (c *Catalog) replace(ctx context.Context, tx Tx, at place, victims []run, id, keys int64) error {
	for _, r := range victims {
		n, err := tx.Exec(ctx, `UPDATE run SET state = 2 WHERE id = $1 AND state = 1`, r.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return errLost // the feature was dropped, or a registration took the run in
		}
	}
	n, err := tx.Exec(ctx, `UPDATE run SET state = 1, keys = $2 WHERE id = $1 AND state = 0`, id, keys)
	if err != nil {
		return err
	}
	if n == 0 {
		return errLost
	}
	c.step("merged")
	return tx.Touch(ctx, at.feature, at.key)
}

// errLost: another process has taken the merge over.
var errLost = errors.New("the merge is not ours any more")

// short runs f in a transaction of its own if the claim still holds, and renews it.
func (c *Catalog) short(ctx context.Context, at place, me string, f func(Tx) error) error {
	return c.db.Update(ctx, at.key, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE container SET merger_at = $4 WHERE feature = $1 AND name = $2 AND merger = $3`, at.feature, at.container, me, micros(time.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return errLost
		}
		return f(tx)
	})
}

// lowest gives the runs of the lowest level that is full.
func lowest(all []run) []run {
	for n := range 16 {
		if at := level(all, n); len(at) >= runs.Fanout {
			return at
		}
	}
	return nil
}

// sweep deletes dead runs, a few pages at a time.
func (c *Catalog) sweep(ctx context.Context, key core.FeatureKey) error {
	for {
		var id int64
		found, err := one(ctx, c.db.Read(), `SELECT id FROM run WHERE state = 2 ORDER BY id LIMIT 1`, nil, &id)
		if err != nil || !found {
			return err
		}
		for left := int64(1); left > 0; {
			c.step("sweeping")
			err := c.db.Update(ctx, key, func(tx Tx) (err error) {
				left, err = tx.Exec(ctx, `DELETE FROM block WHERE run = $1 AND first IN (SELECT first FROM block WHERE run = $1 ORDER BY first LIMIT 512)`, id)
				if err != nil || left > 0 {
					return err
				}
				if _, err := tx.Exec(ctx, `DELETE FROM part WHERE run = $1`, id); err != nil {
					return err
				}
				_, err = tx.Exec(ctx, `DELETE FROM run WHERE id = $1 AND state = 2`, id)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}

// hashed reports whether a mode's runs are of hashes.
func hashed(m catalog.Mode) bool { return m == catalog.Filter }
