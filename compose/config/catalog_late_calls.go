package config

import (
	"context"
	"iter"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

func (l *lateCatalog) do(ctx context.Context, f func(catalog.Catalog) error) error {
	c, err := l.get(ctx, patience)
	if err != nil {
		return err
	}
	return f(c)
}

// Begin is the catalog's.
func (l *lateCatalog) Begin(ctx context.Context, i catalog.Intent) error {
	return l.do(ctx, func(c catalog.Catalog) error { return c.Begin(ctx, i) })
}

// Abandon is the catalog's.
func (l *lateCatalog) Abandon(ctx context.Context, i catalog.Intent) error {
	return l.do(ctx, func(c catalog.Catalog) error { return c.Abandon(ctx, i) })
}

// RegisterMaterialization is the catalog's.
func (l *lateCatalog) RegisterMaterialization(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
	return l.do(ctx, func(c catalog.Catalog) error { return c.RegisterMaterialization(ctx, m, v) })
}

// Describe is the catalog's.
func (l *lateCatalog) Describe(ctx context.Context, info core.Info) error {
	return l.do(ctx, func(c catalog.Catalog) error { return c.Describe(ctx, info) })
}

// Drop is the catalog's.
func (l *lateCatalog) Drop(ctx context.Context, key core.FeatureKey) error {
	return l.do(ctx, func(c catalog.Catalog) error { return c.Drop(ctx, key) })
}

// HasFeature is the catalog's. One that is not open says Maybe beside the error.
func (l *lateCatalog) HasFeature(ctx context.Context, key core.FeatureKey, conditions ...catalog.Condition) (p catalog.Presence, err error) {
	p = catalog.Maybe
	err = l.do(ctx, func(c catalog.Catalog) (err error) {
		p, err = c.HasFeature(ctx, key, conditions...)
		return err
	})
	return p, err
}

// Entry is the catalog's.
func (l *lateCatalog) Entry(ctx context.Context, key core.FeatureKey) (e catalog.Entry, err error) {
	e.Key = key
	err = l.do(ctx, func(c catalog.Catalog) (err error) {
		e, err = c.Entry(ctx, key)
		return err
	})
	return e, err
}

// MaterializationInfo is the catalog's.
func (l *lateCatalog) MaterializationInfo(ctx context.Context, key core.FeatureKey) (rows core.Rows, err error) {
	err = l.do(ctx, func(c catalog.Catalog) (err error) {
		rows, err = c.MaterializationInfo(ctx, key)
		return err
	})
	return rows, err
}

// MaterializedVersions is the catalog's.
func (l *lateCatalog) MaterializedVersions(ctx context.Context, key core.FeatureKey, container string) iter.Seq2[catalog.VersionCount, error] {
	return late(ctx, l, func(c catalog.Catalog) iter.Seq2[catalog.VersionCount, error] {
		return c.MaterializedVersions(ctx, key, container)
	})
}

// Features is the catalog's.
func (l *lateCatalog) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	return late(ctx, l, func(c catalog.Catalog) iter.Seq2[catalog.Entry, error] { return c.Features(ctx, q) })
}

// History is the catalog's.
func (l *lateCatalog) History(ctx context.Context, key core.FeatureKey) iter.Seq2[catalog.Materialization, error] {
	return late(ctx, l, func(c catalog.Catalog) iter.Seq2[catalog.Materialization, error] { return c.History(ctx, key) })
}

// late asks for the catalog when the loop begins.
func late[T any](ctx context.Context, l *lateCatalog, of func(catalog.Catalog) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		c, err := l.get(ctx, patience)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		of(c)(yield)
	}
}
