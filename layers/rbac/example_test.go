package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func ExampleNew() {
	policy, err := rbac.ParsePolicy(`
p,  role:analyst, video/**, read, allow
p,  role:analyst, video/secret/*, read, deny
p2, *, video/**, email, hash
p3, role:analyst, video/**, region = 'us'
g,  user:ann, role:analyst
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	base := memory.New()
	defer base.Close()
	store, err := rbac.New(policy, rbac.MaskKey([]byte("sixteen bytes or more"))).Wrap(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	read := func(ctx context.Context, key core.FeatureKey) error {
		_, err := store.Read(ctx, core.ReadRequest{Key: key})
		return err
	}
	ann := identity.With(context.Background(), identity.Identity{Name: "user:ann"})
	fmt.Println(read(context.Background(), "video/raw"))
	fmt.Println(read(ann, "video/secret/x"))
	fmt.Println(errors.Is(read(ann, "video/raw"), core.ErrFeatureNotFound))
	// Output:
	// read video/raw: rbac: unauthenticated: the context has no identity
	// read video/secret/x: rbac: denied: user:ann may not read video/secret/x
	// true
}

func ExamplePolicy_Can() {
	policy, err := rbac.ParsePolicy(`
p,  role:reader, video/**, read, allow
p2, role:reader, video/**, gps, hide
p3, role:reader, video/**, region = 'us'
g,  role:editor, role:reader
g,  user:ann, role:editor
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := policy.Can(identity.Identity{Name: "user:ann"}, core.OpRead, "video/raw")
	fmt.Println(d.Allowed, "by", d.Reason)
	fmt.Println(d.Via, d.Columns, d.Rows)
	fmt.Println(policy.Can(identity.Identity{Name: "user:ann"}, core.OpWrite, "video/raw").Reason)
	// Output:
	// true by p, role:reader, video/**, read, allow
	// [user:ann role:editor role:reader] [gps: hide] region = 'us'
	// no rule allows it
}

func ExampleRBAC_Grant() {
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "policy.csv")
	if err := os.WriteFile(path, []byte("p, user:root, **, admin, allow\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	policy, err := rbac.OpenPolicy(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	access := rbac.New(policy)
	root := identity.With(context.Background(), identity.Identity{Name: "user:root"})
	ann := identity.With(context.Background(), identity.Identity{Name: "user:ann"})
	fmt.Println(access.Grant(ann, rbac.Permit("user:ann", "**", "read")))
	fmt.Println(access.Grant(root, rbac.Permit("user:ann", "video/*", "read")))
	text, err := os.ReadFile(path)
	fmt.Print(string(text), err)
	// Output:
	// rbac: denied: user:ann may not administer **
	// <nil>
	// p, user:root, **, admin, allow
	// p, user:ann, video/*, read, allow
	// <nil>
}

// Any adapter of casbin keeps the rules: here one for a database would stand.
func ExampleNewPolicy() {
	_, err := rbac.NewPolicy(nil)
	fmt.Println(err)
	// Output: invalid: rbac: there is no adapter
}

func ExamplePolicy_Unmet() {
	policy, err := rbac.ParsePolicy("p, role:analyst, video/**, read, allow\np2, *, video/**, email, hash\ng, user:ann, role:analyst")
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := rbac.ParseExpectations(`
identity,     op,    feature,   expect, columns
user:ann,     read,  video/raw, allow,  email: hash
role:analyst, write, video/raw, deny
user:ann,     read,  video/raw, allow,  email: hide
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, u := range policy.Unmet(table) {
		fmt.Println(u)
	}
	// Output: line 5: user:ann read video/raw: want allow: column email is hash, want hide
}
