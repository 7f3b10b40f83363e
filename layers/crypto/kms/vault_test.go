package kms_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

// vaultWorld is Vault itself with its transit engine, built from testdata/vaultd.
func vaultWorld(t *testing.T) *world {
	line, stop := process(t, true, installed(t, "vaultd-1.13.1", "vaultd"))
	var at struct{ Address, Token string }
	unmarshal(t, line, &at)
	client := func(token string) *api.Client {
		cfg := api.DefaultConfig()
		cfg.Address = at.Address
		c, err := api.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.SetToken(token)
		t.Cleanup(c.CloneConfig().HttpClient.CloseIdleConnections)
		return c
	}
	admin := client(at.Token)
	if err := admin.Sys().Mount("transit", &api.MountInput{Type: "transit"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		if _, err := admin.Logical().Write("transit/keys/"+name, nil); err != nil {
			t.Fatal(err)
		}
	}
	token := func(policy, rules string) string {
		if err := admin.Sys().PutPolicy(policy, rules); err != nil {
			t.Fatal(err)
		}
		s, err := admin.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{policy}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Auth.ClientToken
	}
	user := token("use", `path "transit/encrypt/*" { capabilities = ["update"] }`+"\n"+`path "transit/decrypt/*" { capabilities = ["update"] }`)
	nobody := token("nothing", `path "transit/keys" { capabilities = ["list"] }`)
	host := "hcvault://" + strings.TrimPrefix(at.Address, "http://")
	return &world{
		// That a missing key is a denial follows from the policy: to encrypt
		// with it would be to create it.
		uri: host + "/transit/keys/one", other: host + "/transit/keys/two", missing: host + "/transit/keys/three", missingIs: core.ErrDenied, foreign: core.ErrIntegrity,
		opts:    []kms.Option{kms.Vault(client(user))},
		denied:  []kms.Option{kms.Vault(client(nobody))},
		secrets: []string{user, nobody, at.Token, "permission denied"},
		disable: func(t *testing.T) { // Vault has no switch for a key: take the right away
			t.Helper()
			if err := admin.Sys().PutPolicy("use", `path "transit/keys" { capabilities = ["list"] }`); err != nil {
				t.Fatal(err)
			}
		},
		stop: stop,
	}
}

// A token in the environment and the address of the URI are what Vault's own
// tools take.
func TestVaultEnvironment(t *testing.T) {
	w := vaultWorld(t)
	address := "http://" + strings.TrimPrefix(strings.TrimSuffix(w.uri, "/transit/keys/one"), "hcvault://")
	t.Setenv("VAULT_TOKEN", w.secrets[0])
	if err := open(t, w.uri, kms.Endpoint(address)).Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("VAULT_TOKEN", "")
	err := open(t, w.uri, kms.Endpoint(address)).Check(t.Context())
	wants(t, err, core.ErrDenied, w)
}
