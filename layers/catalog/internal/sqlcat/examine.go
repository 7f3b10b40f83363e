package sqlcat

import (
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/layers/catalog"
)

// Examine reads everything that is kept, every page and filter of versions
// included, and gives the first error.
func (c *Catalog) Examine(ctx context.Context) error {
	for e, err := range c.Features(ctx, catalog.Query{}) {
		if err != nil {
			return err
		}
		for _, err := range c.History(ctx, e.Key) {
			if err != nil {
				return err
			}
		}
	}
	return c.wrap(ctx, "", c.examineRuns(ctx))
}

func (c *Catalog) examineRuns(ctx context.Context) error {
	var features []int64
	err := each(ctx, c.db.Read(), `SELECT DISTINCT feature FROM run WHERE state = 1 ORDER BY feature`, nil, func(r Rows) error {
		var id int64
		err := r.Scan(&id)
		features = append(features, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range features {
		all, err := c.runs(ctx, c.db.Read(), id, "")
		if err != nil {
			return err
		}
		for _, r := range all {
			if err := c.examineRun(ctx, r); err != nil && !errors.Is(err, errGone) {
				return err
			}
		}
	}
	return nil
}

func (c *Catalog) examineRun(ctx context.Context, r run) error {
	for _, p := range r.parts {
		if _, err := c.filter(ctx, c.db.Read(), r, p); err != nil {
			return err
		}
	}
	source := c.sources(ctx, c.db.Read(), []run{r})[0]
	keys := int64(0)
	for {
		_, more, err := source.Next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		keys++
	}
	if r.pages && keys != r.keys {
		return errPage
	}
	return nil
}
