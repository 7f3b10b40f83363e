package sqlpolicy_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

// TestMigrate: the next version's step is run once, whole or not at all, keeps
// the rules, and shuts out programs that do not know it.
func TestMigrate(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		must(t, p.Add(base...))
		steps, err := a.Steps()
		must(t, err)
		must(t, a.Migrate(t.Context(), steps...)) // nothing to do
		broken := append(slices.Clone(steps), "ALTER TABLE metaxy_policy ADD COLUMN note text; ALTER TABLE no_such_table ADD COLUMN note text;")
		if err := a.Migrate(t.Context(), broken...); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("a step that fails: %v", err)
		}
		must(t, p.Remove(base[0]))
		reader, _ := open(t, location, sqlpolicy.ReadOnly())
		next := append(slices.Clone(steps), "ALTER TABLE metaxy_policy ADD COLUMN note text")
		if err := reader.Migrate(t.Context(), next...); !errors.Is(err, core.ErrReadOnly) {
			t.Errorf("who only reads: %v", err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := a.Migrate(t.Context(), next...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := p.Add(base[0]); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("a program that does not know the next version: %v", err)
		}
		execute(t, location, "UPDATE metaxy_policy SET note = 'kept'", "UPDATE metaxy_policy_state SET schema = 1")
		if _, again := open(t, location); len(again.Rules()) != len(base)-1 {
			t.Errorf("%d rules", len(again.Rules()))
		}
	})
}
