package sqlpolicy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	rules, err := sqlpolicy.Open(context.Background(), "sqlite://"+filepath.Join(dir, "policy.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rules.Close()
	policy, err := rbac.NewPolicy(rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := policy.Add(rbac.Permit("role:reader", "video/**", "read"), rbac.Member("user:ann", "role:reader")); err != nil {
		fmt.Println(err)
		return
	}
	// Somewhere else:
	elsewhere, err := rbac.NewPolicy(rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(elsewhere.Can(identity.Identity{Name: "user:ann"}, core.OpRead, "video/raw").Reason)
	// Output: p, role:reader, video/**, read, allow
}
