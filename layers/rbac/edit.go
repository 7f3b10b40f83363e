package rbac

import (
	"errors"
	"slices"

	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/core"
)

// Add keeps more rules, all of them or none; those that are there already are
// left as they are. The rules must make a valid policy together.
func (p *Policy) Add(rules ...Rule) error { return p.edit(rules, true, nil) }

// Remove drops rules, all of them or none. One that is not there is
// core.ErrInvalid.
func (p *Policy) Remove(rules ...Rule) error { return p.edit(rules, false, nil) }

// Changer is what an adapter implements that keeps rules for several processes.
// Change adds or removes rules in one step, all of them or none, and only if the
// rules kept are still those of the version; else it changes nothing and its
// error matches core.ErrConflict. A rule is its kind ("p", "p2", "p3" or "g")
// and its fields. The version after the change is returned.
type Changer interface {
	Versioner
	Change(version string, rules [][]string, add bool) (string, error)
}

// mostTries is how often a change begins again because others were faster. Each
// time one of them has made theirs.
const mostTries = 100

// edit changes what is kept after reading it again, so that a change made
// elsewhere is not undone. Agree, if any, has the last word, with the rules
// before and after.
func (p *Policy) edit(rules []Rule, add bool, agree func(before, after *index) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for range mostTries {
		if err = p.try(rules, add, agree); !errors.Is(err, core.ErrConflict) {
			return err
		}
	}
	return err
}

func (p *Policy) try(rules []Rule, add bool, agree func(before, after *index) error) error {
	if _, err := p.refresh(); err != nil {
		return err
	}
	before := p.now.Load()
	part, whole, err := edited(before.rules, rules, add)
	if err != nil {
		return err
	}
	after, err := compile(whole)
	if err != nil {
		return err
	}
	if agree != nil {
		if err := agree(before, after); err != nil {
			return err
		}
	}
	if len(part) == 0 {
		return nil
	}
	version, err := p.store(part, add)
	if errors.Is(err, core.ErrConflict) {
		return err
	}
	if err != nil {
		// Some of it may have been stored: the adapter knows.
		p.problem = p.load()
		return unavailable(err)
	}
	p.now.Store(after)
	p.problem, p.version = nil, version
	p.confirm()
	return nil
}

// edited gives what changes, and all the rules after it.
func edited(now, rules []Rule, add bool) (part, whole []Rule, err error) {
	for _, r := range rules {
		if err := r.Check(); err != nil {
			return nil, nil, err
		}
		held := has(now, r)
		if !add && !held {
			return nil, nil, invalidf("the policy has no rule %s", r)
		}
		if add != held && !has(part, r) {
			part = append(part, r)
		}
	}
	if add {
		return part, arranged(slices.Concat(now, part)), nil
	}
	return part, slices.DeleteFunc(slices.Clone(now), func(r Rule) bool { return has(part, r) }), nil
}

func has(rules []Rule, r Rule) bool { return slices.ContainsFunc(rules, r.Equal) }

// store hands a change to the adapter and gives the version after it, "" when
// the next refresh must read it.
func (p *Policy) store(rules []Rule, add bool) (string, error) {
	if c, ok := p.adapter.(Changer); ok {
		lines := make([][]string, len(rules))
		for i, r := range rules {
			lines[i] = append([]string{string(r.kind)}, r.fields...)
		}
		return c.Change(p.version, lines, add)
	}
	byKind := map[kind][][]string{}
	for _, r := range rules {
		byKind[r.kind] = append(byKind[r.kind], r.fields)
	}
	for _, k := range []kind{permission, column, row, member} {
		if len(byKind[k]) == 0 {
			continue
		}
		if err := p.storeKind(k, byKind[k], add); err != nil {
			return "", err
		}
	}
	if v, ok := p.adapter.(Versioner); ok {
		if version, err := v.Version(); err == nil {
			return version, nil
		}
	}
	return "", nil
}

func (p *Policy) storeKind(k kind, rules [][]string, add bool) error {
	section := string(k)[:1]
	if batch, ok := p.adapter.(persist.BatchAdapter); ok {
		if add {
			return batch.AddPolicies(section, string(k), rules)
		}
		return batch.RemovePolicies(section, string(k), rules)
	}
	for _, fields := range rules {
		var err error
		if add {
			err = p.adapter.AddPolicy(section, string(k), fields)
		} else {
			err = p.adapter.RemovePolicy(section, string(k), fields)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
