package rbac

import (
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// closure lists the subjects whose rules hold for an identity.
func (x *index) closure(id identity.Identity) []*subject {
	s := x.subjects[id.Name]
	if s == nil {
		s = x.everyone
	}
	out := append([]*subject{}, s.closure...)
	for _, g := range id.Groups {
		if s := x.subjects[g]; s != nil {
			for _, c := range s.closure {
				if c != x.everyone {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// mayAnywhere reports whether some rule allows an action on some feature.
func (x *index) mayAnywhere(id identity.Identity, what actions) bool {
	for _, s := range x.closure(id) {
		if s.any&what != 0 {
			return true
		}
	}
	return false
}

// reasons finds the rule that decides about an action: a denial if there is
// one, else a permission.
type reasons struct {
	what  actions
	rule  Rule
	found bool
	deny  bool
}

func (r *reasons) add(b *bucket) {
	if r.deny || (b.allow|b.deny)&r.what == 0 {
		return
	}
	for _, p := range b.permissions {
		if maskOf(p.fields[2])&r.what == 0 {
			continue
		}
		switch {
		case p.fields[3] == Deny:
			r.rule, r.found, r.deny = p, true, true
			return
		case !r.found:
			r.rule, r.found = p, true
		}
	}
}

// deciding gives the rule that decides about one action on one feature, and
// whether there is one.
func (x *index) deciding(id identity.Identity, key core.FeatureKey, what actions) (Rule, bool) {
	r := reasons{what: what}
	for _, s := range x.closure(id) {
		s.root.find(string(key), true, &r)
	}
	return r.rule, r.found
}

// reason is deciding as text.
func (x *index) reason(id identity.Identity, key core.FeatureKey, what actions) string {
	if what == actionOf(core.OpList) {
		return "" // decided for each feature
	}
	r, found := x.deciding(id, key, what)
	if !found {
		return "no rule allows it"
	}
	return r.String()
}
