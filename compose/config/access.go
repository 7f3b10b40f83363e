package config

import (
	"context"
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

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

// Policy opens a store's policy alone: no trail, no lock, no backend. done
// closes it and is never nil without an error. A store without the table rbac is core.ErrUnsupported.
func (c *Config) Policy(ctx context.Context, reg *Registry, store string) (p *rbac.Policy, done func() error, err error) {
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
// token needs it. A store without the table rbac takes those of the first store
// below it, by its fallbacks, that has one, since that store will ask who calls;
// without any it is nil. A table without a source is core.ErrUnsupported.
func (c *Config) Authenticator(store string) (identity.Authenticator, error) {
	name, err := c.Store(store)
	if err != nil {
		return nil, err
	}
	t := c.governed(c.store(name))
	if t == nil {
		return nil, nil //nolint:nilnil // nobody asks who calls
	}
	a, err := c.authenticator(t, NewRegistry())
	if err == nil && a == nil {
		err = fmt.Errorf("%w: %s: [stores.%s.rbac] names no source of identities: tokens, oidc or mtls", core.ErrUnsupported, c.file(), t.name)
	}
	return a, err
}

// governed finds the store that asks who calls: this one, or the first below
// it.
func (c *Config) governed(t *storeTable) *storeTable {
	if t.has("rbac") {
		return t
	}
	for _, l := range t.fallback.value {
		if found := c.governed(c.store(l.name)); found != nil {
			return found
		}
	}
	return nil
}

// authenticator is nil where there is no source.
func (c *Config) authenticator(t *storeTable, reg *Registry) (identity.Authenticator, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // nobody asks who calls
	}
	v, _, err := c.tableOf(t.name, "rbac")
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
