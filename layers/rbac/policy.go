package rbac

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	seen    atomic.Pointer[time.Time] // when the source last held the rules in force

	mu      sync.Mutex // of changes and reloads
	version string
	problem error
	tried   time.Time // when the last look ended
}

// Versioner is what an adapter implements when it can tell cheaply whether its
// rules may have changed: Version is then another text.
type Versioner interface {
	Version() (string, error)
}

// Notifier is what an adapter implements when it learns of changes by itself.
// It calls changed after each, from any goroutine; a Policy then reads the rules
// at once. Calls that are missed cost time only: the layer looks by itself too.
type Notifier interface {
	Notify(changed func())
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
	if n, ok := adapter.(Notifier); ok {
		n.Notify(func() { _, _ = p.Refresh() }) // Problem tells
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

// look is Refresh for a caller who must not wait: while somebody else reads or
// changes the rules it does nothing.
func (p *Policy) look() error {
	if !p.mu.TryLock() {
		return nil
	}
	defer p.mu.Unlock()
	_, err := p.refresh()
	return err
}

// Problem is why the last Refresh failed, nil when it did not.
func (p *Policy) Problem() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem
}

func (p *Policy) refresh() (bool, error) {
	defer func() { p.tried = time.Now() }()
	if v, ok := p.adapter.(Versioner); ok {
		version, err := v.Version()
		if err != nil {
			p.problem = unavailable(err)
			p.version = "" // when it can be reached again, the rules are read again
			return false, p.problem
		}
		if version == p.version {
			if p.problem == nil {
				p.confirm()
			}
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
	p.confirm()
	return nil
}

func (p *Policy) confirm() {
	now := time.Now()
	p.seen.Store(&now)
}

// age is how long ago the source was last seen to hold the rules in force.
func (p *Policy) age() time.Duration { return time.Since(*p.seen.Load()) }

// catchUp is look for a caller who cannot go on with rules older than most: it
// waits for whoever reads them, and looks itself unless somebody just did.
func (p *Policy) catchUp(most, every time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.age() <= most || every <= 0 || time.Since(p.tried) < every {
		return nil
	}
	_, err := p.refresh()
	return err
}

// unavailable is what an adapter's error is to a caller, unless the adapter says
// what it is.
func unavailable(err error) error {
	for _, known := range []error{core.ErrUnavailable, core.ErrUnsupported, core.ErrReadOnly, core.ErrIntegrity, core.ErrClosed} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: policy: %w", core.ErrUnavailable, err)
}

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
