package compose_test

import (
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

type buried struct{ core.Strict }

// evade gets rid of Strict's ambiguity by burying it, so that the embedded
// store's methods win. It compiles.
type evade struct {
	buried
	core.Store
}

var _ core.EnforcingStore = (*evade)(nil)

// wholesale embeds an enforcing store.
type wholesale struct{ *strict }

func TestEvasionIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		wrap func(core.Store) core.Store
		says string
	}{
		"buried":    {func(n core.Store) core.Store { return &evade{Store: n} }, "must not embed"},
		"wholesale": {func(n core.Store) core.Store { return wholesale{&strict{next: n}} }, "must not embed"},
		"lax":       {func(n core.Store) core.Store { return &pass{next: n} }, "must embed core.Strict"},
		"handback":  {func(n core.Store) core.Store { return n }, "handed back"},
	} {
		base := core.Store(&strict{next: &fake{}})
		_, err := compose.New(base, compose.With(layer{
			core.LayerInfo{Name: "rbac", Phase: core.PhaseAccess},
			func(n core.Store) (core.Store, error) { return c.wrap(n), nil },
		}))
		v := compose.Violations(err)
		if len(v) != 1 || v[0].Rule != compose.StrictEnforcing || !strings.Contains(v[0].Why, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
