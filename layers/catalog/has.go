package catalog

import (
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Catalog gives the catalog that the layer keeps, for its queries.
func (k *Keeper) Catalog() Catalog { return k.cat }

// HasFeature says for certain whether the feature holds a commit, and with
// conditions whether a row was ever written with that container and version.
// What is registered is there; what is not is looked up in the store unless the
// catalog is known to be fresh.
func (k *Keeper) HasFeature(ctx context.Context, key core.FeatureKey, conditions ...Condition) (bool, error) {
	s, err := k.only()
	if err != nil {
		return false, err
	}
	if err := s.enter(ctx, core.OpStat, key); err != nil {
		return false, err
	}
	p := Maybe
	if !s.isForeign(key) {
		if p, err = k.cat.HasFeature(ctx, key, conditions...); err != nil {
			k.problem(key, err)
			p = Maybe
		}
	}
	if p == No && s.trusting() && s.sure(key) && s.trusts(key) || p == Yes {
		k.counts.answered.Add(1)
		return p == Yes, nil
	}
	return s.has(ctx, key, Ask(conditions...))
}

// has asks the store.
func (s *store) has(ctx context.Context, key core.FeatureKey, q Conditions) (bool, error) {
	s.keeper.counts.asked.Add(1)
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return false, nil
	}
	if err != nil || q.AnyContainer() && q.AnyVersion() {
		return err == nil, err
	}
	var held []expr.Expr
	for _, c := range info.Containers {
		if !q.AnyContainer() && c != q.Container {
			continue
		}
		column := expr.Column{Path: []string{core.ColDataVersion, c}}
		if q.AnyVersion() {
			held = append(held, expr.Not(expr.IsNull{Column: column}))
		} else {
			held = append(held, column.Eq(q.Version))
		}
	}
	if len(held) == 0 {
		return false, nil
	}
	rows, err := s.next.Read(ctx, core.ReadRequest{Key: key, History: true, Columns: []string{core.ColCommit}, Filter: expr.Or(held...)})
	if err != nil {
		return false, err
	}
	for b, err := range rows.All() {
		if err != nil || b.NumRows() > 0 {
			return err == nil, err
		}
	}
	return false, nil
}
