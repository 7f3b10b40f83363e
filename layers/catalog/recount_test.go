package catalog_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// damaged is a catalog that tells something else than it was told, until its
// feature is registered anew.
type damaged struct {
	catalog.Catalog
	entry  func(*catalog.Entry)
	commit func(*core.Commit)
}

func (d *damaged) change(e catalog.Entry) catalog.Entry {
	if d.entry != nil && e.Key == "video/a" {
		d.entry(&e)
	}
	return e
}

func (d *damaged) Entry(ctx context.Context, key core.FeatureKey) (catalog.Entry, error) {
	e, err := d.Catalog.Entry(ctx, key)
	return d.change(e), err
}

func (d *damaged) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	return func(yield func(catalog.Entry, error) bool) {
		for e, err := range d.Catalog.Features(ctx, q) {
			if !yield(d.change(e), err) {
				return
			}
		}
	}
}

func (d *damaged) History(ctx context.Context, key core.FeatureKey) iter.Seq2[catalog.Materialization, error] {
	return func(yield func(catalog.Materialization, error) bool) {
		for m, err := range d.Catalog.History(ctx, key) {
			if d.commit != nil {
				d.commit(&m.Commit)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

func (d *damaged) Drop(ctx context.Context, key core.FeatureKey) error {
	d.entry, d.commit = nil, nil
	return d.Catalog.Drop(ctx, key)
}

func (d *damaged) Describe(ctx context.Context, info core.Info) error {
	d.entry = nil
	return d.Catalog.Describe(ctx, info)
}

// A comparison in depth sees every number and word that the catalog tells.
func TestRecount(t *testing.T) {
	for name, x := range map[string]struct {
		kind   catalog.Kind
		text   string
		entry  func(*catalog.Entry)
		commit func(*core.Commit)
	}{
		"nothing":         {},
		"rows":            {catalog.Different, "2 commits of 4 rows, counted are 2 of 5", func(e *catalog.Entry) { e.Rows++ }, nil},
		"commits":         {catalog.Different, "2 commits of 4 rows, counted are 3 of 4", func(e *catalog.Entry) { e.Commits++ }, nil},
		"last":            {catalog.Different, "last commit", func(e *catalog.Entry) { e.Last = e.Last.Add(time.Second) }, nil},
		"bytes":           {catalog.Stale, "number of bytes", func(e *catalog.Entry) { e.Info.Bytes++ }, nil},
		"samples":         {catalog.Stale, "number of samples", func(e *catalog.Entry) { e.Info.Rows++ }, nil},
		"feature version": {catalog.Stale, "feature version", func(e *catalog.Entry) { e.Info.FeatureVersion = "other" }, nil},
		"containers":      {catalog.Stale, "containers", func(e *catalog.Entry) { e.Info.Containers = nil }, nil},
		"times":           {catalog.Stale, "time", func(e *catalog.Entry) { e.Info.Modified = e.Info.Modified.Add(time.Second) }, nil},
		"schema":          {catalog.Stale, "schema", func(e *catalog.Entry) { e.Info.Schema = nil }, nil},
		"of the future":   {catalog.Different, "which the store has not seen", func(e *catalog.Entry) { e.Info.SchemaVersion += 5 }, nil},
		"commit's bytes":  {catalog.Different, "commit 1", nil, func(c *core.Commit) { c.Bytes++ }},
		"its version":     {catalog.Different, "commit 1", nil, func(c *core.Commit) { c.FeatureVersion = "other" }},
		"its basis":       {catalog.Different, "commit 1", nil, func(c *core.Commit) { c.Basis = core.Basis{"up": 1} }},
	} {
		inner := newStore(t)
		d := &damaged{Catalog: catalog.NewMemory()}
		k := catalog.New(d, catalog.NoCatchUp())
		s := wrap(t, k, inner)
		write(t, s, "video/a", samplesOf(2, 0)...)
		write(t, s, "video/a", samplesOf(2, 1)...)
		d.entry, d.commit = x.entry, x.commit
		r, err := k.Verify(t.Context(), catalog.Job{Sample: 1})
		if x.kind == 0 {
			if err != nil || len(r.Findings) > 0 {
				t.Errorf("%s: %v, %v", name, r.Findings, err)
			}
			continue
		}
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != x.kind || !strings.Contains(r.Findings[0].Text, x.text) {
			t.Errorf("%s: %v, %v", name, r.Findings, err)
		}
		if _, err := k.Reconcile(t.Context(), catalog.Job{Sample: 1}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		agree(t, inner, d)
		clean(t, k, catalog.Job{Sample: 1})
	}
}
