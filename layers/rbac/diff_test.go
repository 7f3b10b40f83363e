package rbac_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// TestSameAsCasbin: the index gives casbin's own answer on random policies.
func TestSameAsCasbin(t *testing.T) {
	const policies, requests = 300, 210
	total, allowed := 0, 0
	for seed := range uint64(policies) {
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func(of ...string) string { return of[r.IntN(len(of))] }
		name := func() string { return fmt.Sprintf("%s%d", pick("user:u", "role:r", "role:r"), r.IntN(6)) }
		part := func() string { return pick("a", "b", "c") }
		acts := []string{"read", "write", "resolve", "list", "stat", "evolve", "admin"}
		var rules []rbac.Rule
		for range 3 + r.IntN(20) {
			pattern := pick("**", part(), part()+"/*", part()+"/**", "*/"+part(), "*/"+part()+"/**", part()+"/"+part(), "*/*", part()+"/*/"+part())
			subject := name()
			if r.IntN(8) == 0 {
				subject = rbac.Everyone
			}
			rule := rbac.Permit
			if r.IntN(4) == 0 {
				rule = rbac.Forbid
			}
			rules = append(rules, rule(subject, pattern, pick(append(acts, "*", "*")...)))
		}
		for range r.IntN(12) {
			if a, b := r.IntN(6), r.IntN(6); r.IntN(2) == 0 {
				rules = append(rules, rbac.Member(fmt.Sprintf("user:u%d", a), fmt.Sprintf("role:r%d", b)))
			} else if a < b {
				rules = append(rules, rbac.Member(fmt.Sprintf("role:r%d", a), fmt.Sprintf("role:r%d", b)))
			}
		}
		p := policy(t, "")
		if err := p.Add(rules...); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		e, err := p.Enforcer()
		if err != nil {
			t.Fatal(err)
		}
		for range requests {
			user, key, act := fmt.Sprintf("user:u%d", r.IntN(7)), part(), pick(acts...)
			for range r.IntN(3) {
				key += "/" + part()
			}
			want, err := e.Enforce(user, key, act)
			if err != nil {
				t.Fatal(err)
			}
			id := identity.Identity{Name: user}
			var got rbac.Decision
			if act == rbac.ActionAdmin {
				got = p.Administers(id, core.FeatureKey(key))
			} else {
				op, _ := core.ParseOp(act)
				got = p.Can(id, op, core.FeatureKey(key))
				if short := p.Allows(id, op, core.FeatureKey(key)); short != got.Allowed {
					t.Fatalf("seed %d: %s %s %s: Allows says %v, Can %v", seed, user, act, key, short, got.Allowed)
				}
			}
			if got.Allowed != want {
				t.Fatalf("seed %d: %s %s %s: the index says %v (%s), casbin %v\n%v", seed, user, act, key, got.Allowed, got.Reason, want, p.Rules())
			}
			if total++; want {
				allowed++
			}
		}
	}
	if total < 60_000 || allowed < total/10 || allowed > total*9/10 {
		t.Errorf("%d requests of which %d were allowed: too few, or too much alike", total, allowed)
	}
	t.Logf("%d requests over %d policies, %d allowed, no difference", total, policies, allowed)
}
