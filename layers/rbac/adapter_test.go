package rbac_test

import (
	"errors"
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
	for i, r := range a.rows {
		if r == want {
			a.rows = append(a.rows[:i:i], a.rows[i+1:]...)
		}
	}
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
