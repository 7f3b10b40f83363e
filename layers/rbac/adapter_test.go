package rbac_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/casbin/casbin/v2/model"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// table is an adapter as one for a database: six columns a rule, rules one by
// one, no version.
type table struct {
	rows [][6]string
	fail error
	left int // rules that are stored before fail
}

func (a *table) LoadPolicy(m model.Model) error {
	for _, r := range a.rows {
		if err := m.AddPolicy(r[0][:1], r[0], r[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (a *table) SavePolicy(model.Model) error { return errors.ErrUnsupported }

func (a *table) AddPolicy(_, ptype string, rule []string) error {
	if a.left--; a.fail != nil && a.left < 0 {
		return a.fail
	}
	r := [6]string{ptype}
	copy(r[1:], rule)
	a.rows = append(a.rows, r)
	return nil
}

func (a *table) RemovePolicy(_, ptype string, rule []string) error {
	want := [6]string{ptype}
	copy(want[1:], rule)
	a.rows = slices.DeleteFunc(a.rows, func(r [6]string) bool { return r == want })
	return nil
}

func (a *table) RemoveFilteredPolicy(string, string, int, ...string) error {
	return errors.ErrUnsupported
}

// TestAdapter: what a casbin adapter keeps is what holds, also when it fails in
// the middle of a change.
func TestAdapter(t *testing.T) {
	a := &table{rows: [][6]string{{"p", "role:r", "**", "read", "allow"}, {"p3", "role:r", "a", "x = 1"}, {"g", "user:ann", "role:r"}}}
	p, err := rbac.NewPolicy(a)
	if err != nil {
		t.Fatal(err)
	}
	reads := func(name string) bool { return p.Can(user(name), core.OpRead, "a").Allowed }
	if !reads("ann") || p.Can(user("ann"), core.OpRead, "a").Rows != "x = 1" {
		t.Error("the adapter's rules do not hold")
	}
	if err := p.Add(rbac.Member("user:bob", "role:r")); err != nil || len(a.rows) != 4 || !reads("bob") {
		t.Errorf("a rule added: %v", err)
	}
	if err := p.Remove(rbac.Member("user:bob", "role:r")); err != nil || len(a.rows) != 3 || reads("bob") {
		t.Errorf("a rule removed: %v", err)
	}
	// Somebody else's change is there with the next refresh.
	a.rows = append(a.rows, [6]string{"g", "user:eve", "role:r"})
	if changed, err := p.Refresh(); !changed || err != nil || !reads("eve") {
		t.Errorf("another's change: %v, %v", changed, err)
	}
	a.fail, a.left = errors.New("disk full"), 1
	err = p.Add(rbac.Member("user:x", "role:r"), rbac.Member("user:y", "role:r"))
	if !errors.Is(err, core.ErrUnavailable) || !reads("x") || reads("y") {
		t.Errorf("half a change: %v; what holds is what is kept: x %v, y %v", err, reads("x"), reads("y"))
	}
	a.rows = append(a.rows, [6]string{"p", "user:eve", "**", "write", "Deny"})
	if _, err := p.Refresh(); !errors.Is(err, core.ErrInvalid) || !reads("ann") {
		t.Errorf("a rule that is not valid: %v", err)
	}
}

// shared is an adapter for several processes: somebody else is faster a number
// of times.
type shared struct {
	table
	faster  int
	version int
	told    func()
}

func (a *shared) Version() (string, error) { return strconv.Itoa(a.version), a.fail }

func (a *shared) Notify(changed func()) { a.told = changed }

func (a *shared) other(rule ...string) {
	_ = a.AddPolicy("", rule[0], rule[1:])
	a.version++
}

func (a *shared) Change(version string, rules [][]string, add bool) (string, error) {
	if a.faster > 0 {
		a.faster--
		a.other("g", "user:other"+strconv.Itoa(a.faster), "role:r")
	}
	if version != strconv.Itoa(a.version) {
		return "", fmt.Errorf("%w: somebody was faster", core.ErrConflict)
	}
	for _, r := range rules {
		if add {
			_ = a.AddPolicy("", r[0], r[1:])
		} else {
			_ = a.RemovePolicy("", r[0], r[1:])
		}
	}
	a.version++
	return strconv.Itoa(a.version), nil
}

// TestChanger: a change is decided on the rules that it is made to, however
// often somebody else is faster, and an adapter that tells is believed.
func TestChanger(t *testing.T) {
	a := &shared{faster: 3}
	p, err := rbac.NewPolicy(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Add(rbac.Permit("role:r", "**", "read"), rbac.Member("user:ann", "role:r")); err != nil || len(p.Rules()) != 5 || len(a.rows) != 5 {
		t.Errorf("somebody is faster three times: %v, %v", err, p.Rules())
	}
	a.faster = 1
	if err := p.Remove(rbac.Member("user:other0", "role:r")); err != nil || len(a.rows) != 4 {
		t.Errorf("a removal: %v, %v", err, a.rows)
	}
	a.faster = 1000
	if err := p.Add(rbac.Permit("role:r", "**", "write")); !errors.Is(err, core.ErrConflict) || errors.Is(err, core.ErrUnavailable) {
		t.Errorf("somebody is always faster: %v", err)
	}
	a.faster = 0
	// The other's change makes this one wrong: a circle of roles.
	a.other("g", "role:a", "role:b")
	if err := p.Add(rbac.Member("role:b", "role:a")); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a circle of two changes: %v", err)
	}
	a.other("g", "user:eve", "role:r")
	if p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Fatal("eve may read before anybody looked")
	}
	if a.told(); !p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Error("a change that the adapter told of does not hold")
	}
	a.fail = errors.New("no route to host")
	if changed, err := p.Refresh(); changed || !errors.Is(err, core.ErrUnavailable) || !p.Can(user("eve"), core.OpRead, "a").Allowed {
		t.Errorf("out of reach: %v, %v", changed, err)
	}
	a.fail = nil
	if changed, err := p.Refresh(); changed || err != nil || p.Problem() != nil {
		t.Errorf("reached again: %v, %v", changed, err)
	}
}
