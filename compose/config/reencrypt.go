package config

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Reencrypt is crypto.Crypto's over the store below the layer. Where the store
// has an access layer, which is above it, the identity in ctx must be allowed
// rbac.ActionAdmin on the feature, and decision and outcome are recorded. A store
// without the table crypto is core.ErrUnsupported.
func (o *Opened) Reencrypt(ctx context.Context, plan *core.Plan, batchRows int, progress func(done, total int64)) (crypto.ReencryptReport, error) {
	return o.governed(ctx, plan, core.OpWrite, func(below core.Store) (crypto.ReencryptReport, error) {
		return o.Crypto.Reencrypt(ctx, below, plan, batchRows, progress)
	})
}

// OldKeys reports what Reencrypt would do, under the same conditions.
func (o *Opened) OldKeys(ctx context.Context, plan *core.Plan) (crypto.ReencryptReport, error) {
	return o.governed(ctx, plan, core.OpRead, func(below core.Store) (crypto.ReencryptReport, error) {
		return o.Crypto.OldKeys(ctx, below, plan)
	})
}

// governed does what is done below the access layer as that layer would.
func (o *Opened) governed(ctx context.Context, plan *core.Plan, op core.Op, do func(core.Store) (crypto.ReencryptReport, error)) (r crypto.ReencryptReport, err error) {
	switch {
	case o.Crypto == nil:
		return r, fmt.Errorf("%w: store %s encrypts nothing", core.ErrUnsupported, o.Name)
	case ctx.Err() != nil:
		return r, ctx.Err()
	case plan == nil:
		return r, fmt.Errorf("%w: there is no plan", core.ErrInvalid)
	}
	if o.Access == nil {
		return do(o.own.crypto.below)
	}
	begin := time.Now()
	e := rbac.Event{Time: begin, Op: op, Part: rbac.PartDecision, Feature: plan.Key(), Rows: -1, Decision: rbac.Allow}
	denied := o.admit(ctx, plan.Key(), &e)
	if err := o.record(ctx, e); err != nil || denied != nil {
		return r, core.WrapError(op, plan.Key(), "rbac", firstOf(denied, err))
	}
	r, err = do(o.own.crypto.below)
	e.Time, e.Part, e.Rows, e.Outcome, e.Duration = time.Now(), rbac.PartOutcome, r.Rows, rbac.Class(err), time.Since(begin)
	if op == core.OpWrite {
		e.Rows = r.Rewritten
	}
	return r, firstOf(err, core.WrapError(op, plan.Key(), "rbac", o.record(ctx, e)))
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
		e.Reason = "re-encryption: " + d.Reason
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
		return fmt.Errorf("%w: the audit trail cannot be kept: %w", core.ErrUnavailable, err)
	}
	return nil
}

// publicOf gives what verifies the signatures of a private key in PEM.
func publicOf(private []byte) (audit.Verifier, error) {
	if _, err := audit.ParseSigner(private); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(private)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, textError("no private key") // the parser's text may quote it
	}
	p, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, textError("no private key of Ed25519")
	}
	public, _ := p.Public().(ed25519.PublicKey)
	return audit.NewVerifier(public)
}
