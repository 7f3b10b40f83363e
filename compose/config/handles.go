package config

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
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
// tables do not ask for is nil. Keys and Subjects ask nobody who they are:
// ChangeKeys does.
type Opened struct {
	Name          string
	Stack         *compose.Stack
	Crypto        *crypto.Crypto
	Keys          *keys.File
	Subjects      *keys.Subjects
	Access        *rbac.RBAC
	Trail         *audit.Log // nil without a folder
	Catalog       *catalog.Keeper
	Authenticator identity.Authenticator // as Config.Authenticator

	own *assembly
}

// OpenHandles is Open that gives the handles beside the stack: those of the
// store itself, not those of the stores that it falls back to.
func (c *Config) OpenHandles(ctx context.Context, reg *Registry, store string) (*Opened, error) {
	name, err := c.Store(store)
	if err != nil {
		return nil, err
	}
	who, err := c.authenticator(c.governed(c.store(name)), reg)
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
		Catalog:       own.catalog,
		Authenticator: who, own: own,
	}
	if own.crypto != nil {
		o.Crypto = own.crypto.layer
	}
	return o, nil
}

// Close closes the stack and all that was opened for it.
func (o *Opened) Close() error { return o.Stack.Close() }

// OpenCatalog opens the store's catalog, if it could not be opened before, and
// gives the reason when it cannot be used. Without one it does nothing.
func (o *Opened) OpenCatalog(ctx context.Context) error {
	if o.own.late == nil {
		return nil
	}
	_, err := o.own.late.now(ctx, openLimit)
	return err
}
