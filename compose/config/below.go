package config

import (
	"context"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Reencrypt is crypto.Crypto's over the store below the layer. Where the store
// has an access layer, which is above it, the identity in ctx must be allowed
// rbac.ActionAdmin on the feature, and decision and outcome are recorded. A
// catalog, which is above it too, is told of the new commits. A store without
// the table crypto is core.ErrUnsupported.
func (o *Opened) Reencrypt(ctx context.Context, plan *core.Plan, batchRows int, progress func(done, total int64)) (r crypto.ReencryptReport, err error) {
	if plan == nil {
		return r, errNoPlan
	}
	err = o.governed(ctx, plan.Key(), core.OpWrite, func(below core.Store) (int64, error) {
		r, err = o.Crypto.Reencrypt(ctx, below, plan, batchRows, progress)
		return r.Rewritten, err
	})
	if r.Commits > 0 {
		err = firstOf(err, o.register(ctx, plan.Key()))
	}
	return r, err
}

// register tells the catalog of commits that did not come through it, also when
// the call that made them was stopped.
func (o *Opened) register(ctx context.Context, key core.FeatureKey) error {
	if o.Catalog == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostRegister)
	defer cancel()
	if _, err := o.Catalog.Reconcile(ctx, catalog.Job{Prefix: string(key)}); err != nil {
		return fmt.Errorf("the rows are written, but the catalog is behind: %w", err)
	}
	return nil
}

// mostRegister bounds how long a catalog may take.
const mostRegister = time.Minute

// OldKeys reports what Reencrypt would do, under the same conditions.
func (o *Opened) OldKeys(ctx context.Context, plan *core.Plan) (r crypto.ReencryptReport, err error) {
	if plan == nil {
		return r, errNoPlan
	}
	err = o.governed(ctx, plan.Key(), core.OpRead, func(below core.Store) (int64, error) {
		r, err = o.Crypto.OldKeys(ctx, below, plan)
		return r.Rows, err
	})
	return r, err
}

// KeyUse is crypto.Crypto's over the store below the layer, under the conditions
// of Reencrypt.
func (o *Opened) KeyUse(ctx context.Context, key core.FeatureKey) (u crypto.KeyUse, err error) {
	err = o.governed(ctx, key, core.OpRead, func(below core.Store) (int64, error) {
		u, err = o.Crypto.KeyUse(ctx, below, key)
		return -1, err
	})
	return u, err
}

// SubjectUse is crypto.Crypto's over the store below the layer, under the
// conditions of Reencrypt.
func (o *Opened) SubjectUse(ctx context.Context, key core.FeatureKey, subject string) (u map[string]int64, err error) {
	err = o.governed(ctx, key, core.OpRead, func(below core.Store) (int64, error) {
		u, err = o.Crypto.SubjectUse(ctx, below, key, subject)
		return -1, err
	})
	return u, err
}

// Held lists the features that the store itself holds, as the store below the
// access layer knows them: what a count of the whole store goes through. The
// identity in ctx must be allowed rbac.ActionAdmin on every feature, so that
// none is missing unseen; decision and outcome are recorded.
func (o *Opened) Held(ctx context.Context) (held []core.FeatureKey, err error) {
	if o.Crypto == nil {
		return nil, o.encryptsNothing()
	}
	err = o.own.governed(ctx, rbac.Event{Op: core.OpList, Feature: everything}, func() (int64, error) {
		for info, err := range o.own.crypto.below.List(ctx, core.ListRequest{Local: true}) {
			if err != nil {
				return int64(len(held)), err
			}
			held = append(held, info.Key)
		}
		return int64(len(held)), nil
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

var errNoPlan = fmt.Errorf("%w: there is no plan", core.ErrInvalid)

func (o *Opened) encryptsNothing() error {
	return fmt.Errorf("%w: store %s encrypts nothing", core.ErrUnsupported, o.Name)
}

// governed does something with one feature below the access layer; do tells how
// many rows it read or wrote.
func (o *Opened) governed(ctx context.Context, key core.FeatureKey, op core.Op, do func(below core.Store) (int64, error)) error {
	if o.Crypto == nil {
		return o.encryptsNothing()
	}
	return o.own.governed(ctx, rbac.Event{Op: op, Feature: key}, func() (int64, error) { return do(o.own.crypto.below) })
}
