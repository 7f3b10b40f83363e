package sqlpolicy_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// BenchmarkLook is what a layer pays each second while nothing changes, and
// BenchmarkReload what it pays when something has, with 10,000 rules.
func BenchmarkLook(b *testing.B) {
	bench(b, func(b *testing.B, p, _ *rbac.Policy) {
		for b.Loop() {
			if changed, err := p.Refresh(); changed || err != nil {
				b.Fatal(changed, err)
			}
		}
	})
}

func BenchmarkReload(b *testing.B) {
	bench(b, func(b *testing.B, p, other *rbac.Policy) {
		rule := rbac.Member("user:x", "role:r")
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			change := other.Add
			if i%2 == 1 {
				change = other.Remove
			}
			must(b, change(rule))
			b.StartTimer()
			if _, err := p.Refresh(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bench(b *testing.B, run func(b *testing.B, p, other *rbac.Policy)) {
	var rules []rbac.Rule
	for i := range 10_000 {
		rules = append(rules, rbac.Permit(fmt.Sprintf("user:u%d", i), fmt.Sprintf("team%d/**", i%100), "read"))
	}
	on := func(location string) func(b *testing.B) {
		return func(b *testing.B) {
			_, p := open(b, location)
			_, other := open(b, location)
			must(b, p.Add(rules...))
			_, err := other.Refresh()
			must(b, err)
			b.ResetTimer()
			run(b, p, other)
		}
	}
	b.Run("SQLite", on("sqlite://"+filepath.Join(b.TempDir(), "policy.db")))
	b.Run("PostgreSQL", on(pgtest.Start(b)))
}
