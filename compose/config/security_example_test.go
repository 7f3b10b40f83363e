package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

const governedFile = `
[stores.prod]
backend = "memory://"

[stores.prod.rbac]
policy = "policy.csv"
mtls   = true

[stores.prod.crypto]
keyset     = "keys.json"
passphrase = "file:passphrase"
columns    = ["email", { column = "owner", features = "video/**", mode = "deterministic" }]
`

// folder holds the files that a governed store names.
func folder() (string, error) {
	dir, err := os.MkdirTemp("", "metaxy")
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		config.FileName: governedFile, "policy.csv": "p, user:ann, video/*, read, allow\n", "passphrase": "known to this machine alone\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func ExampleConfig_OpenHandles() {
	dir, err := folder()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cfg, err := config.Load(filepath.Join(dir, config.FileName))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, reg := context.Background(), config.NewRegistry()
	place, err := cfg.Keys(ctx, reg, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := place.Create(ctx); err != nil { // once
		fmt.Println(err)
		return
	}
	store, err := cfg.OpenHandles(ctx, reg, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	fmt.Print(store.Stack)
	ann := identity.Identity{Name: "user:ann"} // store.Authenticator gives it in earnest
	fmt.Println(store.Access.Policy().Can(ann, core.OpRead, "video/raw").Reason)
	_, err = store.Stack.Read(identity.With(ctx, ann), core.ReadRequest{Key: "audio/raw"})
	fmt.Println(err)
	// Output:
	// prod
	// ├─ access   rbac    1 rules, no audit
	// ├─ crypto   crypto  email, video/**:owner (deterministic)
	// └─ backend  memory
	// p, user:ann, video/*, read, allow
	// read audio/raw: rbac: denied: user:ann may not read audio/raw
}

func ExampleConfig_Authenticator() {
	cfg, err := config.Parse(config.FileName, []byte(governedFile), ".")
	if err != nil {
		fmt.Println(err)
		return
	}
	who, err := cfg.Authenticator("prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = who.Authenticate(context.Background(), identity.Credentials{Bearer: "no certificate"})
	fmt.Println(err)
	// Output: unauthenticated: no credentials of this kind
}

func ExampleConfig_Audit() {
	cfg, err := config.Parse(config.FileName, []byte(strings.Replace(governedFile, "mtls   = true",
		`audit  = { dir = "audit", signing_key = "env:METAXY_AUDIT_KEY" }`, 1)), "/etc/metaxy")
	if err != nil {
		fmt.Println(err)
		return
	}
	trail, err := cfg.Audit("prod")
	fmt.Println(trail.Dir, err)
	// Output: /etc/metaxy/audit <nil>
}

// A program gives what needs dependencies of its own.
func ExampleNewRegistry() {
	reg := config.NewRegistry(config.Backend("mine", func(context.Context, string) (core.Store, error) { return memory.New(), nil }))
	fmt.Println(reg.Schemes())
	// Output: [memory mine]
}
