package sqlpolicy_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/casbin/casbin/v2/model"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
	"github.com/metaxy-go/metaxy/storetest"
)

func rules(t testing.TB, text string) []rbac.Rule {
	t.Helper()
	p, err := rbac.ParsePolicy(text)
	must(t, err)
	return p.Rules()
}

// TestContract runs the whole suite of enforcing layers with the policy in a
// database, against the matrix that a policy from text has.
func TestContract(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		team, err := os.ReadFile("../testdata/team.csv") // who may do what on the features of the fixtures
		must(t, err)
		must(t, p.Add(rules(t, string(team))...))
		storetest.RunEnforcing(t, storetest.EnforcingConfig{
			LayerConfig: storetest.LayerConfig{Layer: func(t testing.TB) core.Layer {
				p, err := rbac.NewPolicy(a)
				must(t, err)
				return rbac.New(p)
			}},
			As:    func(ctx context.Context, role string) context.Context { return identity.With(ctx, user(role)) },
			Admin: "admin", Roles: []string{"admin", "reader", "writer", "lister", "barred", "stranger"}, Matrix: "../testdata/matrix.golden",
			Reader: "reader", Protected: []string{"path"},
		})
	})
}

// TestLayer: a running layer sees another process's change with the call that is
// due, reports rules that are not valid and a database that is gone, and goes on
// with those it has.
func TestLayer(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		// No look but the layer's, so that a notification does not help.
		a, err := sqlpolicy.Open(t.Context(), location)
		must(t, err)
		defer a.Close()
		p, err := rbac.NewPolicy(silent{a})
		must(t, err)
		must(t, p.Add(rules(t, "p, user:ann, **, *, allow")...))
		var now atomic.Int64
		var told []error
		s, err := rbac.New(p, rbac.Clock(func() time.Time { return time.Unix(now.Load(), 0) }), rbac.OnProblem(func(err error) { told = append(told, err) })).
			Wrap(storetest.Populated(t))
		must(t, err)
		stat := func(who string) error {
			_, err := s.Stat(identitytest.As(t, who), core.StatRequest{Key: storetest.KeyVideo})
			return err
		}
		now.Store(1e9)
		must(t, stat("ann"))
		execute(t, location, "UPDATE metaxy_policy SET v0 = 'user:bob'")
		if err := stat("ann"); err != nil {
			t.Errorf("before it is due: %v", err)
		}
		now.Add(1)
		if err := stat("ann"); !errors.Is(err, core.ErrDenied) {
			t.Errorf("when it is due: %v", err)
		}
		must(t, stat("bob"))
		execute(t, location, "UPDATE metaxy_policy SET v3 = 'yes'")
		now.Add(1)
		if err := stat("bob"); err != nil || len(told) != 1 || !errors.Is(told[0], core.ErrInvalid) {
			t.Errorf("rules that are not valid: %v, told %v", err, told)
		}
		execute(t, location, "DROP TABLE metaxy_policy_state")
		now.Add(1)
		if err := stat("bob"); err != nil || len(told) != 2 || !errors.Is(told[1], core.ErrUnavailable) {
			t.Errorf("tables that are gone: %v, told %v", err, told)
		}
		if err := stat("ann"); !errors.Is(err, core.ErrDenied) || strings.Contains(err.Error(), "SQL") {
			t.Errorf("somebody else: %v", err)
		}
	})
}

// silent tells of nothing.
type silent struct{ a *sqlpolicy.Adapter }

func (s silent) LoadPolicy(m model.Model) error { return s.a.LoadPolicy(m) }
func (s silent) SavePolicy(m model.Model) error { return s.a.SavePolicy(m) }
func (s silent) AddPolicy(sec, kind string, rule []string) error {
	return s.a.AddPolicy(sec, kind, rule)
}

func (s silent) RemovePolicy(sec, kind string, rule []string) error {
	return s.a.RemovePolicy(sec, kind, rule)
}
func (s silent) Version() (string, error) { return s.a.Version() }

func (s silent) RemoveFilteredPolicy(sec, kind string, from int, values ...string) error {
	return s.a.RemoveFilteredPolicy(sec, kind, from, values...)
}

func (s silent) Change(version string, rules [][]string, add bool) (string, error) {
	return s.a.Change(version, rules, add)
}
