package rbac

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/internal/around"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Grant adds rules on behalf of the identity in ctx, which must be allowed
// ActionAdmin on every feature that a rule's pattern matches; for a Member on
// every feature ("**"), since roles may hold anything. A change after which the
// caller could not make it again is core.ErrDenied, so the last administrator
// cannot be lost. Every attempt is recorded.
func (r *RBAC) Grant(ctx context.Context, rules ...Rule) error {
	return r.change(ctx, PartGrant, rules)
}

// Revoke removes rules under the same conditions. It takes effect with the next
// call: nothing of a decision is kept.
func (r *RBAC) Revoke(ctx context.Context, rules ...Rule) error {
	return r.change(ctx, PartRevoke, rules)
}

func (r *RBAC) change(ctx context.Context, part string, rules []Rule) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.policy == nil {
		return invalidf("rbac: there is no policy")
	}
	id, ok := identity.From(ctx)
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("%w: the context has no identity", core.ErrUnauthenticated)
	case !id.Expires.IsZero() && !r.o.now().Before(id.Expires):
		err = fmt.Errorf("%w: the identity has expired", core.ErrUnauthenticated)
	default:
		for _, rule := range rules {
			if err = rule.Check(); err != nil {
				return fmt.Errorf("rbac: %w", err)
			}
		}
	}
	if err == nil {
		_, _ = r.policy.Refresh() // others change it too; what is wrong with it, edit tells
		err = administers(r.policy.now.Load(), id, rules, "may not")
	}
	// Recorded outside the policy's lock, so that a recorder may ask the policy.
	if failed := r.recordChange(ctx, part, id, rules, "", err); err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("rbac: %w", err)
	}
	err = r.policy.edit(rules, part == PartGrant, func(before, after *index) error {
		if err := administers(before, id, rules, "may not"); err != nil {
			return err
		}
		return administers(after, id, rules, "would no longer be able to")
	})
	if failed := r.recordChange(ctx, part, id, rules, around.ClassOf(err).String(), err); err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("rbac: %w", err)
	}
	return nil
}

// administers asks whether an identity may change such rules.
func administers(x *index, id identity.Identity, rules []Rule, verb string) error {
	for _, rule := range rules {
		pattern := rule.Feature()
		if rule.kind == member {
			pattern = "**"
		}
		if !x.administers(id, pattern) {
			return denied("%s %s administer %s", id.Name, verb, pattern)
		}
	}
	return nil
}

// administers: some rule allows it for the whole pattern, and none denies it
// for a part.
func (x *index) administers(id identity.Identity, pattern string) bool {
	subjects := map[string]bool{}
	for _, s := range x.closure(id) {
		subjects[s.name] = true
	}
	ok := false
	for _, r := range x.rules {
		if r.kind != permission || r.fields[2] != ActionAdmin || !subjects[r.Subject()] {
			continue
		}
		if r.fields[3] == Deny && overlaps(r.Feature(), pattern) {
			return false
		}
		ok = ok || r.fields[3] == Allow && covers(r.Feature(), pattern)
	}
	return ok
}

// recordChange records each rule. A row rule is told by the shape of its filter.
func (r *RBAC) recordChange(ctx context.Context, part string, id identity.Identity, rules []Rule, outcome string, cause error) error {
	if r.o.recorder == nil {
		return nil
	}
	for _, rule := range rules {
		e := Event{
			Time: r.o.now(), Identity: id.Name, Part: part, Feature: core.FeatureKey(printable(rule.Feature())), Rows: -1,
			Decision: Allow, Reason: rule.shape(), Outcome: outcome,
		}
		if cause != nil {
			e.Decision = Deny
		}
		if err := r.o.recorder.Record(context.WithoutCancel(ctx), e); err != nil && !r.o.bestEffort {
			return fmt.Errorf("%w: the audit trail cannot be kept: %s", core.ErrUnavailable, clip(err.Error()))
		}
	}
	return nil
}

// shape is the rule without literals.
func (r Rule) shape() string {
	if r.Check() != nil {
		return "a rule that is not valid"
	}
	if r.kind == row {
		e, err := expr.Parse(r.fields[2])
		if err != nil {
			return "a row rule"
		}
		r.fields = []string{r.fields[0], r.fields[1], expr.Shape(e)}
	}
	return r.String()
}
