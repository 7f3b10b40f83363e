package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Decision is what a policy says, and why.
type Decision struct {
	Allowed bool
	Reason  string   // the rule that decides, or that there is none
	Via     []string // from the identity to the rule's subject, roles in between
	Columns []string // what is hidden or masked, such as "email: hash"
	Rows    string   // which rows there are, as a filter; "" for all
}

// Can tells whether an identity may do something with a feature, and why. The
// answer is the layer's own: it is given by the same index.
func (p *Policy) Can(id identity.Identity, op core.Op, key core.FeatureKey) Decision {
	return p.now.Load().can(id, actionOf(op), key)
}

// Allows is Can without the reason, for where many questions are asked.
func (p *Policy) Allows(id identity.Identity, op core.Op, key core.FeatureKey) bool {
	if id.Check() != nil || key.Validate() != nil {
		return false
	}
	a := p.now.Load().access(id, key)
	return a.may(actionOf(op))
}

// Administers is Can for ActionAdmin.
func (p *Policy) Administers(id identity.Identity, key core.FeatureKey) Decision {
	return p.now.Load().can(id, admin, key)
}

func (x *index) can(id identity.Identity, what actions, key core.FeatureKey) Decision {
	if id.Check() != nil {
		return Decision{Reason: "no identity"}
	}
	if key.Validate() != nil {
		return Decision{Reason: "no feature has such a key"}
	}
	return x.decide(id, what, key)
}

// decide is can for names that were checked, those of roles and groups too.
func (x *index) decide(id identity.Identity, what actions, key core.FeatureKey) Decision {
	a := x.access(id, key)
	d := Decision{Allowed: a.may(what), Reason: "no rule allows it"}
	if r, found := x.deciding(id, key, what); found {
		d.Reason, d.Via = r.String(), x.path(id, r.Subject())
	}
	for _, c := range a.columns {
		if c.show != ShowRead {
			what, _, nested := strings.Cut(c.pattern, ".")
			if !nested {
				what = c.pattern
			}
			d.Columns = append(d.Columns, what+": "+a.show(strings.TrimSuffix(what, "*")).String())
		}
	}
	slices.Sort(d.Columns)
	d.Columns = slices.Compact(d.Columns)
	if f := a.filter(); f != nil {
		d.Rows = expr.Canonical(f).String()
	}
	return d
}

// path finds the roles between an identity and a subject.
func (x *index) path(id identity.Identity, to string) []string {
	if to == Everyone {
		return []string{id.Name, Everyone}
	}
	for _, from := range append([]string{id.Name}, id.Groups...) {
		if p := x.climb(x.subjects[from], to); p != nil {
			if from != id.Name {
				p = append([]string{id.Name}, p...)
			}
			return p
		}
	}
	return nil
}

func (x *index) climb(s *subject, to string) []string {
	if s == nil || !slices.ContainsFunc(s.closure, func(c *subject) bool { return c.name == to }) {
		return nil
	}
	if s.name == to {
		return []string{to}
	}
	for _, p := range s.parents {
		if rest := x.climb(p, to); rest != nil {
			return append([]string{s.name}, rest...)
		}
	}
	return nil
}

// Roles lists the roles of an identity, those of its groups and those that
// roles bring included, sorted.
func (p *Policy) Roles(id identity.Identity) []string {
	var roles []string
	for _, s := range p.now.Load().closure(id) {
		if identity.Kind(s.name) == identity.Role {
			roles = append(roles, s.name)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// Holder is somebody who may do something with a feature.
type Holder struct {
	Name    string   // a user, service or group, or "*" for every identity
	Actions []string // names of operations, and "admin"
	Limited bool     // some rows or columns are kept from them
}

// Who lists everybody whom the policy names and allows something on a feature,
// sorted by name. What everybody may is listed under "*" and with each of them.
func (p *Policy) Who(key core.FeatureKey) []Holder {
	x := p.now.Load()
	var out []Holder
	for _, name := range slices.Sorted(maps.Keys(x.subjects)) {
		if identity.Kind(name) == identity.Role {
			continue
		}
		a := x.access(identity.Identity{Name: name}, key)
		h := Holder{Name: name, Limited: a.restricted()}
		for op := range core.Ops() {
			if a.may(actionOf(op)) {
				h.Actions = append(h.Actions, op.String())
			}
		}
		if a.may(admin) {
			h.Actions = append(h.Actions, ActionAdmin)
		}
		if len(h.Actions) > 0 {
			out = append(out, h)
		}
	}
	return out
}

// Finding is a rule that probably does not do what it was written for.
type Finding struct {
	Rule Rule
	Text string
}

// Lint looks for rules without effect. Features, if any are given, are those
// that there are.
func (p *Policy) Lint(features ...core.FeatureKey) []Finding {
	x := p.now.Load()
	var out []Finding
	add := func(r Rule, text string) { out = append(out, Finding{r, text}) }
	members, ruled := map[string]bool{}, map[string]bool{}
	for _, r := range x.rules {
		if r.kind == member {
			members[r.fields[1]] = true
		} else {
			ruled[r.Subject()] = true
		}
	}
	for _, r := range x.rules {
		if identity.Kind(r.Subject()) == identity.Role && !members[r.Subject()] {
			add(r, "nobody has this role")
		}
		if r.kind == member {
			s := x.subjects[r.fields[1]]
			if !slices.ContainsFunc(s.closure, func(c *subject) bool { return c != x.everyone && ruled[c.name] }) {
				add(r, "the role has no rules")
			}
			continue
		}
		if len(features) > 0 && !slices.ContainsFunc(features, func(k core.FeatureKey) bool { return matchFeature(string(k), r.Feature()) }) {
			add(r, "no feature matches the pattern")
		}
		if top, _, nested := strings.Cut(r.field(2), "."); r.kind == column && nested {
			if r.fields[3] == ShowRead.String() {
				add(r, "shows no field by itself: write the rule for column "+top)
			} else {
				add(r, "protects all of column "+top)
			}
		}
		if o, ok := x.overruled(r); ok {
			add(r, "always overruled by "+o.String())
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(a.Rule.String(), b.Rule.String()) })
	return out
}

// overruled finds a denial, for the same subject or everyone, of all that a
// rule allows.
func (x *index) overruled(r Rule) (Rule, bool) {
	if r.kind != permission || r.fields[3] != Allow {
		return Rule{}, false
	}
	for _, o := range x.rules {
		if o.kind == permission && o.fields[3] == Deny && (o.Subject() == r.Subject() || o.Subject() == Everyone) &&
			maskOf(r.fields[2])&^maskOf(o.fields[2]) == 0 && covers(o.Feature(), r.Feature()) {
			return o, true
		}
	}
	return Rule{}, false
}
