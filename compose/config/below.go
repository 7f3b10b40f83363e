package config

import (
	"context"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
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

var errNoPlan = fmt.Errorf("%w: there is no plan", core.ErrInvalid)

// governed does what is done below the access layer as that layer would; do
// tells how many rows it read or wrote.
func (o *Opened) governed(ctx context.Context, key core.FeatureKey, op core.Op, do func(below core.Store) (int64, error)) error {
	switch {
	case o.Crypto == nil:
		return fmt.Errorf("%w: store %s encrypts nothing", core.ErrUnsupported, o.Name)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if o.Access == nil {
		_, err := do(o.own.crypto.below)
		return err
	}
	begin := time.Now()
	e := rbac.Event{Time: begin, Op: op, Part: rbac.PartDecision, Feature: key, Rows: -1, Decision: rbac.Allow}
	denied := o.admit(ctx, key, &e)
	if err := o.record(ctx, e); err != nil || denied != nil {
		return core.WrapError(op, key, "rbac", firstOf(denied, err))
	}
	rows, err := do(o.own.crypto.below)
	e.Time, e.Part, e.Rows, e.Outcome, e.Duration = time.Now(), rbac.PartOutcome, rows, rbac.Class(err), time.Since(begin)
	return firstOf(err, core.WrapError(op, key, "rbac", o.record(ctx, e)))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// admit decides, and says in the event what.
func (o *Opened) admit(ctx context.Context, key core.FeatureKey, e *rbac.Event) error {
	id, ok := identity.From(ctx)
	e.Identity = id.Name
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("%w: the context has no identity", core.ErrUnauthenticated)
	case !id.Expires.IsZero() && !e.Time.Before(id.Expires):
		err = fmt.Errorf("%w: the identity has expired", core.ErrUnauthenticated)
	default:
		d := o.Access.Policy().Administers(id, key)
		e.Reason = "below the layers: " + d.Reason
		if !d.Allowed {
			err = fmt.Errorf("%w: %s may not administer %s", core.ErrDenied, id.Name, key)
		}
	}
	if err != nil {
		e.Decision = rbac.Deny
	}
	return err
}

func (o *Opened) record(ctx context.Context, e rbac.Event) error {
	if o.own.recorder == nil {
		return nil
	}
	if err := o.own.recorder.Record(context.WithoutCancel(ctx), e); err != nil && !o.own.lenient {
		return fmt.Errorf("%w: the audit trail cannot be kept: %s", core.ErrUnavailable, err.Error())
	}
	return nil
}
