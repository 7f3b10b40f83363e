package rbac

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/core"
)

// Policy is a set of rules kept by a casbin adapter, and the index that answers
// from them. It is safe for concurrent use. Whoever holds a Policy can change
// it; what callers of a store may change goes through [RBAC.Grant].
type Policy struct {
	adapter persist.Adapter
	now     atomic.Pointer[index]

	mu      sync.Mutex // of changes and reloads
	version string
	problem error
}

// Versioner is what an adapter implements when it can tell cheaply whether its
// rules may have changed: Version is then another text.
type Versioner interface {
	Version() (string, error)
}

// NewPolicy reads the rules of a casbin adapter, such as one for a database.
// A rule that is malformed or means nothing makes it fail: nothing is skipped.
func NewPolicy(adapter persist.Adapter) (*Policy, error) {
	if adapter == nil {
		return nil, invalidf("rbac: there is no adapter")
	}
	p := &Policy{adapter: adapter}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// ParsePolicy reads rules from text and keeps them in memory.
func ParsePolicy(text string) (*Policy, error) {
	rules, err := parseRules(text)
	if err != nil {
		return nil, err
	}
	return NewPolicy(&memoryAdapter{rules: rules})
}

// OpenPolicy reads rules from a file: a line each, "#" begins a comment. The
// file is read again when it has changed, and changed by Add and Remove.
func OpenPolicy(path string) (*Policy, error) { return NewPolicy(&fileAdapter{path: path}) }

// Rules lists the rules as they are now.
func (p *Policy) Rules() []Rule { return slices.Clone(p.now.Load().rules) }

// Refresh reads the rules again if the adapter says that they may have changed
// (or cannot say), and reports whether they have. Rules that are not valid are
// an error and leave those before in force; Problem repeats it.
func (p *Policy) Refresh() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refresh()
}

// Problem is why the last Refresh failed, nil when it did not.
func (p *Policy) Problem() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem
}

func (p *Policy) refresh() (bool, error) {
	if v, ok := p.adapter.(Versioner); ok {
		version, err := v.Version()
		if err == nil && version == p.version {
			return false, p.problem
		}
	}
	before := p.now.Load()
	p.problem = p.load()
	if p.problem != nil {
		return false, p.problem
	}
	return !slices.EqualFunc(before.rules, p.now.Load().rules, Rule.Equal), nil
}

// load reads and compiles, and only then replaces. The version is taken before
// the rules, so that a change in between is seen by the next refresh.
func (p *Policy) load() error {
	version := ""
	if v, ok := p.adapter.(Versioner); ok {
		var err error
		if version, err = v.Version(); err != nil {
			return unavailable(err)
		}
	}
	m, err := newModel()
	if err != nil {
		return err
	}
	if err := p.adapter.LoadPolicy(m); err != nil {
		if errors.Is(err, core.ErrInvalid) {
			p.version = version // it will not get better by itself
			return err
		}
		return unavailable(err)
	}
	p.version = version
	rules, err := rulesOf(m)
	if err != nil {
		return err
	}
	x, err := compile(rules)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	p.now.Store(x)
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: policy: %w", core.ErrUnavailable, err) }

// rulesOf takes the rules out of a model that an adapter filled.
func rulesOf(m model.Model) ([]Rule, error) {
	var rules []Rule
	for sec, kinds := range m {
		if sec != "p" && sec != "g" {
			continue
		}
		for name, a := range kinds {
			for _, fields := range a.Policy {
				// Databases keep a fixed number of columns.
				for len(fields) > kind(name).width() && fields[len(fields)-1] == "" {
					fields = fields[:len(fields)-1]
				}
				r := Rule{kind(name), slices.Clone(fields)}
				if err := r.Check(); err != nil {
					return nil, fmt.Errorf("policy: %w", err)
				}
				rules = append(rules, r)
			}
		}
	}
	return arranged(rules), nil
}

// arranged sorts rules by kind, as casbin keeps them.
func arranged(rules []Rule) []Rule {
	order := func(k kind) int { return strings.Index("p p2 p3 g", string(k)) }
	slices.SortStableFunc(rules, func(a, b Rule) int { return order(a.kind) - order(b.kind) })
	return rules
}

// Add keeps more rules, all of them or none; those that are there already are
// left as they are. The rules must make a valid policy together.
func (p *Policy) Add(rules ...Rule) error { return p.edit(rules, true, nil) }

// Remove drops rules, all of them or none. One that is not there is
// core.ErrInvalid.
func (p *Policy) Remove(rules ...Rule) error { return p.edit(rules, false, nil) }

// edit changes what is kept after reading it again, so that a change made
// elsewhere is not undone. Agree, if any, has the last word, with the rules
// before and after.
func (p *Policy) edit(rules []Rule, add bool, agree func(before, after *index) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	if err := p.store(part, add); err != nil {
		// Some of it may have been stored: the adapter knows.
		p.problem = p.load()
		return unavailable(err)
	}
	p.now.Store(after)
	p.problem = nil
	if v, ok := p.adapter.(Versioner); ok {
		if p.version, err = v.Version(); err != nil {
			p.version = "" // the next refresh reads it again
		}
	}
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

func (p *Policy) store(rules []Rule, add bool) error {
	byKind := map[kind][][]string{}
	for _, r := range rules {
		byKind[r.kind] = append(byKind[r.kind], r.fields)
	}
	for _, k := range []kind{permission, column, row, member} {
		if len(byKind[k]) == 0 {
			continue
		}
		if err := p.storeKind(k, byKind[k], add); err != nil {
			return err
		}
	}
	return nil
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
