package config

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// Trail says where a store's audit trail is. It prints no secret.
type Trail struct {
	Store   string
	Dir     string          // absolute, "" when it is not in a folder
	Feature core.FeatureKey // "" when it is not in the store

	values Values
}

// Audit tells where the audit trail of a store is, "" for the default store,
// without opening it. A store without one is core.ErrUnsupported.
func (c *Config) Audit(store string) (Trail, error) {
	v, name, err := c.tableOf(store, "rbac")
	if err != nil {
		return Trail{}, err
	}
	t, ok := v.Table("audit")
	if !ok {
		return Trail{}, fmt.Errorf("%w: %s: store %s has no table [stores.%s.rbac.audit]", core.ErrUnsupported, c.file(), name, name)
	}
	return Trail{Store: name, Dir: t.Text("dir"), Feature: core.FeatureKey(t.Text("feature")), values: t}, nil
}

// Verifier reads the public keys that the table names, or takes the public part
// of its signing key.
func (t Trail) Verifier() (audit.Verifier, error) {
	path := t.values.Text("public_key")
	if path == "" {
		return t.ownVerifier()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, t.values.failed("public_key", fmt.Errorf("%w: %w", core.ErrUnavailable, err))
	}
	v, err := audit.ParseVerifier(text)
	if err != nil {
		return nil, t.values.Errorf("public_key", "public_key: %w", err)
	}
	return v, nil
}

func (t Trail) ownVerifier() (audit.Verifier, error) {
	if !t.values.Secret("signing_key").IsSet() {
		return nil, fmt.Errorf("%w: the trail of store %s is not signed", core.ErrUnsupported, t.Store)
	}
	text, err := t.values.Secret("signing_key").Reveal()
	if err == nil {
		var v audit.Verifier
		if v, err = publicOf([]byte(text)); err == nil {
			return v, nil
		}
	}
	return nil, t.values.Errorf("signing_key", "signing_key: %w", err)
}

// publicOf gives what verifies the signatures of a private key in PEM.
func publicOf(private []byte) (audit.Verifier, error) {
	if _, err := audit.ParseSigner(private); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(private)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, textError("no private key") // the parser's text may quote it
	}
	p, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, textError("no private key of Ed25519")
	}
	public, _ := p.Public().(ed25519.PublicKey)
	return audit.NewVerifier(public)
}
