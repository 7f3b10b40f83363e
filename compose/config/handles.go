package config

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Security says which tables of the security layers a store has, its own or
// inherited ones.
type Security struct {
	Store      string // resolved name
	Crypto     bool
	Access     bool
	Audit      bool
	Identities bool // somebody can be authenticated
}

// Security looks at a store's tables, "" for the default store.
func (c *Config) Security(store string) (Security, error) {
	name, err := c.Store(store)
	if err != nil {
		return Security{}, err
	}
	t := c.store(name)
	s := Security{Store: name, Crypto: t.has("crypto"), Access: t.has("rbac")}
	if !s.Access {
		return s, nil
	}
	v, _, err := c.tableOf(name, "rbac")
	if err != nil {
		return s, err
	}
	_, s.Audit = v.Table("audit")
	_, tokens := v.Table("tokens")
	s.Identities = tokens || v.Flag("mtls") || len(v.Tables("oidc")) > 0
	return s, nil
}

// tableOf gives the values of a layer's table. A store without it is
// core.ErrUnsupported.
func (c *Config) tableOf(store, table string) (v Values, name string, err error) {
	if name, err = c.Store(store); err != nil {
		return Values{}, "", err
	}
	for _, l := range c.store(name).layers {
		if l.kind.Table == table && !l.off {
			v, err = l.values(c)
			return v, name, err
		}
	}
	return Values{}, name, fmt.Errorf("%w: %s: store %s has no table [stores.%s.%s]", core.ErrUnsupported, c.file(), name, name, table)
}

// Opened is a stack and the handles of its security layers. What a store's
// tables do not ask for is nil.
type Opened struct {
	Name          string
	Stack         *compose.Stack
	Crypto        *crypto.Crypto
	Keys          *keys.File
	Subjects      *keys.Subjects
	Access        *rbac.RBAC
	Trail         *audit.Log
	Authenticator identity.Authenticator

	own *assembly
}

// OpenHandles is Open that gives the handles beside the stack: those of the
// store itself, not those of the stores that it falls back to.
func (c *Config) OpenHandles(ctx context.Context, reg *Registry, store string) (*Opened, error) {
	name, err := c.Store(store)
	if err != nil {
		return nil, err
	}
	who, err := c.authenticator(name, reg)
	if err != nil {
		return nil, err
	}
	b := newBuilder(c, reg)
	s, err := b.whole(ctx, name)
	if err != nil {
		return nil, err
	}
	own := b.made[name]
	o := &Opened{
		Name: name, Stack: s, Keys: own.keyFile, Subjects: own.subjects, Access: own.access, Trail: own.trail,
		Authenticator: who, own: own,
	}
	if own.crypto != nil {
		o.Crypto = own.crypto.layer
	}
	return o, nil
}

// Close closes the stack and all that was opened for it.
func (o *Opened) Close() error { return o.Stack.Close() }

// Access is what an rbac table names, open without the stack.
type Access struct {
	Store         string
	RBAC          *rbac.RBAC             // Grant and Revoke need an identity and are recorded
	Policy        *rbac.Policy           // what RBAC answers from
	Authenticator identity.Authenticator // nil when the table names no source
	Trail         *audit.Log             // nil without a folder

	own *assembly
}

// Access opens a store's policy and audit trail without the stack, "" for the
// default store; the backend is opened as well when the trail is a feature of
// it. A trail that another process writes is core.ErrUnavailable: Policy
// answers questions without it. A store without the table rbac is
// core.ErrUnsupported.
func (c *Config) Access(ctx context.Context, reg *Registry, store string) (*Access, error) {
	v, name, err := c.tableOf(store, "rbac")
	if err != nil {
		return nil, err
	}
	b := newBuilder(c, reg)
	own, t := b.assembly(), c.store(name)
	a := &Access{Store: name, own: own}
	err = b.access(ctx, t, own, v)
	if err == nil {
		a.Authenticator, err = authenticatorOf(v, b.env(t, own))
	}
	if err != nil {
		return nil, errors.Join(err, own.close())
	}
	a.RBAC, a.Policy, a.Trail = own.access, own.policy, own.trail
	return a, nil
}

func (b *builder) access(ctx context.Context, t *storeTable, own *assembly, v Values) error {
	if _, err := openRBAC(ctx, v, b.env(t, own)); err != nil {
		return layerOfKind(t, "rbac").located(err)
	}
	if len(own.bind) == 0 {
		return nil
	}
	base, err := b.backend(ctx, t)
	if err != nil {
		return err
	}
	own.closers = append([]func() error{base.Close}, own.closers...) // last
	return own.bound(base)
}

// Close closes the trail and the policy.
func (a *Access) Close() error { return a.own.close() }

// Policy opens a store's policy alone: no trail, no lock, no backend. It must be
// closed. A store without the table rbac is core.ErrUnsupported.
func (c *Config) Policy(ctx context.Context, reg *Registry, store string) (p *rbac.Policy, close func() error, err error) {
	v, _, err := c.tableOf(store, "rbac")
	if err == nil {
		err = checkPolicy(v, reg)
	}
	if err != nil {
		return nil, nil, err
	}
	return policyOf(ctx, v, reg, c.Dir)
}

// Authenticator chains the identity sources of a store, "" for the default
// store: tokens, then issuers, then certificates. Nobody is asked before a
// token needs it. It is nil for a store without the table rbac; a table
// without a source is core.ErrUnsupported.
func (c *Config) Authenticator(store string) (identity.Authenticator, error) {
	name, err := c.Store(store)
	if err != nil || !c.store(name).has("rbac") {
		return nil, err
	}
	a, err := c.authenticator(name, NewRegistry())
	if err == nil && a == nil {
		err = fmt.Errorf("%w: %s: [stores.%s.rbac] names no source of identities: tokens, oidc or mtls", core.ErrUnsupported, c.file(), name)
	}
	return a, err
}

// authenticator is nil where there is no source.
func (c *Config) authenticator(name string, reg *Registry) (identity.Authenticator, error) {
	t := c.store(name)
	if !t.has("rbac") {
		return nil, nil //nolint:nilnil // there is no source, which is no error
	}
	v, _, err := c.tableOf(name, "rbac")
	if err != nil {
		return nil, err
	}
	b := newBuilder(c, reg)
	return authenticatorOf(v, b.env(t, b.assembly()))
}

// TokenFile is where a store keeps the hashes of API tokens, absolute; "" when
// its tables name none.
func (c *Config) TokenFile(store string) (string, error) {
	name, err := c.Store(store)
	if err != nil || !c.store(name).has("rbac") {
		return "", err
	}
	v, _, err := c.tableOf(name, "rbac")
	t, _ := v.Table("tokens")
	return t.Text("file"), err
}

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
