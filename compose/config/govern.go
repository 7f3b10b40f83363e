package config

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// everything is the pattern of all features.
const everything = "**"

// The Event.Part of what is done beside the features; its Reason says what.
const (
	partKeys    = "keys"
	partCatalog = "catalog"
)

// ChangeKeys runs a change of the store's keys or of its subjects' secrets. Over
// a store with an access layer the identity in ctx must be allowed
// rbac.ActionAdmin on every feature, and it is recorded before and after, as
// what says: "rotate", say. What has no access layer is not asked.
func (o *Opened) ChangeKeys(ctx context.Context, what string, change func() error) error {
	return o.own.administered(ctx, partKeys, what, change)
}

// ChangeKeys is Opened's for a store whose stack is not open.
func (a *Access) ChangeKeys(ctx context.Context, what string, change func() error) error {
	return a.own.administered(ctx, partKeys, what, change)
}

// MaintainCatalog runs what compares or changes the store's catalog as a whole,
// which names every feature and sees every row. It asks and records as
// ChangeKeys does.
func (o *Opened) MaintainCatalog(ctx context.Context, what string, do func() error) error {
	return o.own.administered(ctx, partCatalog, what, do)
}

// MaintainCatalog is Opened's for a store whose stack is not open.
func (a *Access) MaintainCatalog(ctx context.Context, what string, do func() error) error {
	return a.own.administered(ctx, partCatalog, what, do)
}

func (a *assembly) administered(ctx context.Context, part, what string, do func() error) error {
	return a.governed(ctx, rbac.Event{Part: part, Feature: everything, Reason: what}, func() (int64, error) { return -1, do() })
}

// governed does what is done below the access layer or beside it as that layer
// would. The event says what it is, and do how many rows it read or wrote.
func (a *assembly) governed(ctx context.Context, e rbac.Event, do func() (int64, error)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.access == nil {
		_, err := do()
		return err
	}
	begin := time.Now()
	e.Time, e.Rows, e.Decision = begin, -1, rbac.Allow
	parts := [2]string{rbac.PartDecision, rbac.PartOutcome}
	if e.Part != "" {
		parts = [2]string{e.Part, e.Part}
	}
	denied := a.admit(ctx, &e)
	e.Part = parts[0]
	if err := a.record(ctx, e); err != nil || denied != nil {
		return refused(e, firstOf(denied, err))
	}
	rows, err := do()
	e.Time, e.Part, e.Rows, e.Outcome, e.Duration = time.Now(), parts[1], rows, rbac.Class(err), time.Since(begin)
	return firstOf(err, refused(e, a.record(ctx, e)))
}

// refused is an error of the access layer.
func refused(e rbac.Event, err error) error {
	switch {
	case err == nil:
		return nil
	case e.Op == 0:
		return fmt.Errorf("rbac: %w", err)
	case e.Feature == everything:
		return core.WrapError(e.Op, "", "rbac", err)
	}
	return core.WrapError(e.Op, e.Feature, "rbac", err)
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
func (a *assembly) admit(ctx context.Context, e *rbac.Event) error {
	id, ok := identity.From(ctx)
	e.Identity = id.Name
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("%w: the context has no identity", core.ErrUnauthenticated)
	case !id.Expires.IsZero() && !e.Time.Before(id.Expires):
		err = fmt.Errorf("%w: the identity has expired", core.ErrUnauthenticated)
	default:
		policy := a.access.Policy()
		_, _ = policy.Refresh() // others change it too; what is wrong with it, its Problem tells
		decide, before := policy.Administers, "below the layers: "
		if e.Feature == everything {
			decide = func(id identity.Identity, _ core.FeatureKey) rbac.Decision { return administersAll(policy, id) }
		}
		if e.Reason != "" {
			before = e.Reason + ": "
		}
		d := decide(id, e.Feature)
		e.Reason = before + d.Reason
		if !d.Allowed {
			err = fmt.Errorf("%w: %s may not administer %s", core.ErrDenied, id.Name, e.Feature)
		}
	}
	if err != nil {
		e.Decision = rbac.Deny
	}
	return err
}

func (a *assembly) record(ctx context.Context, e rbac.Event) error {
	if a.recorder == nil {
		return nil
	}
	if err := a.recorder.Record(context.WithoutCancel(ctx), e); err != nil && !a.lenient {
		return fmt.Errorf("%w: the audit trail cannot be kept: %s", core.ErrUnavailable, err.Error())
	}
	return nil
}

// administersAll asks about every feature that there can be: one of each pattern
// in the policy, where some rule may deny, and features of each depth that no
// rule names, which only a rule for all of them allows.
func administersAll(p *rbac.Policy, id identity.Identity) rbac.Decision {
	rules := p.Rules()
	depth, parts := 1, []string{}
	for _, r := range rules {
		of := strings.Split(r.Feature(), "/")
		depth, parts = max(depth, len(of)), append(parts, of...)
	}
	other := "x"
	for slices.Contains(parts, other) {
		other += "x"
	}
	whole := p.Administers(id, core.FeatureKey(other))
	ask := func(pattern string) {
		key := core.FeatureKey(strings.NewReplacer("**", other, "*", other).Replace(pattern))
		if d := p.Administers(id, key); whole.Allowed && !d.Allowed && key.Validate() == nil {
			whole = d
		}
	}
	for n := range depth {
		ask("*" + strings.Repeat("/*", n+1))
	}
	for _, r := range rules {
		ask(r.Feature())
	}
	return whole
}
