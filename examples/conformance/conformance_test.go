package conformance_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/storetest"
)

// files opens stores on files of their own and remembers which.
type files struct {
	mu sync.Mutex
	of map[core.Store]string
}

func (f *files) open(t testing.TB, path string) core.Store {
	t.Helper()
	s, err := duckdb.Open(t.Context(), path, duckdb.Threads(2))
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of[s] = path
	return s
}

func (f *files) fresh(t testing.TB) core.Store {
	t.Helper()
	return f.open(t, filepath.Join(t.TempDir(), "store.duckdb"))
}

func (f *files) reopen(t testing.TB, s core.Store) core.Store {
	t.Helper()
	f.mu.Lock()
	path := f.of[s]
	f.mu.Unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return f.open(t, path)
}

// overDuckDB is a layer's configuration with DuckDB below it.
func overDuckDB(layer func(testing.TB) core.Layer) storetest.LayerConfig {
	f := &files{of: map[core.Store]string{}}
	return storetest.LayerConfig{Layer: layer, New: f.fresh, Reopen: f.reopen, Checks: 4}
}

const policyText = `
p, role:admin, **, *, allow
p, role:reader, **, read, allow
p, role:reader, **, resolve, allow
p, role:reader, **, list, allow
p, role:reader, **, stat, allow
p, role:writer, **, write, allow
p, role:writer, video/*, stat, allow
p, role:lister, label/**, list, allow
p, role:lister, label/**, stat, allow
p, role:barred, **, *, allow
p, role:barred, video/**, *, deny
p2, role:reader, video/*, path, hide
p2, role:reader, video/*, secret*, hide
g, user:admin, role:admin
g, user:reader, role:reader
g, user:writer, role:writer
g, user:lister, role:lister
g, user:barred, role:barred
`

func as(ctx context.Context, role string) context.Context {
	return identity.With(ctx, identity.Identity{Name: identity.User + ":" + role})
}

func guard(t testing.TB) core.Layer {
	t.Helper()
	p, err := rbac.ParsePolicy(policyText)
	if err != nil {
		t.Fatal(err)
	}
	return rbac.New(p)
}

// guarded adds what is known of the policy.
func guarded(cfg storetest.EnforcingConfig) storetest.EnforcingConfig {
	cfg.As, cfg.Admin = as, "admin"
	cfg.Roles = []string{"admin", "reader", "writer", "lister", "barred", "stranger"}
	cfg.Matrix = "../../layers/rbac/testdata/matrix.golden" // the same as over any other store
	cfg.Reader, cfg.Protected = "reader", []string{"path"}
	return cfg
}

// rings are keys of a ring, of the same one rotated, and of somebody else.
type rings struct{ ours, rotated, stranger *keys.Ring }

func newRings(t *testing.T) rings {
	t.Helper()
	ours, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	rotated, _, err := ours.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	return rings{ours, rotated, stranger}
}

// down is a key service that does not answer.
type down struct{}

func (down) Ring(context.Context) (*keys.Ring, error) { return nil, errors.New("no route to host") }

func sealed() []crypto.Option {
	return []crypto.Option{crypto.Column("**", "path", crypto.Beacon(5)), crypto.Column("video/**", "size", crypto.Deterministic()), crypto.Columns("score", "at")}
}

func cryptoConfig(r rings, layer func(crypto.KeyProvider) func(testing.TB) core.Layer) *storetest.CryptoConfig {
	return &storetest.CryptoConfig{Column: "path", Rotated: layer(r.rotated), Stranger: layer(r.stranger), Down: layer(down{})}
}

func TestCryptoOverDuckDB(t *testing.T) {
	r := newRings(t)
	for name, opts := range map[string][]crypto.Option{
		"random and beacon": sealed(),
		"deterministic":     {crypto.Column("**", "path", crypto.Deterministic()), crypto.Column("**", "note", crypto.HideNulls())},
	} {
		t.Run(name, func(t *testing.T) {
			layer := func(p crypto.KeyProvider) func(testing.TB) core.Layer {
				return func(testing.TB) core.Layer { return crypto.New(p, opts...) }
			}
			storetest.RunEnforcing(t, storetest.EnforcingConfig{LayerConfig: overDuckDB(layer(r.ours)), Crypto: cryptoConfig(r, layer)})
		})
	}
}

func TestAccessOverDuckDB(t *testing.T) {
	storetest.RunEnforcing(t, guarded(storetest.EnforcingConfig{LayerConfig: overDuckDB(guard)}))
}

// pile is several layers as one, the outermost first.
type pile []core.Layer

func (p pile) Info() core.LayerInfo { return p[0].Info() }

func (p pile) Wrap(next core.Store) (core.Store, error) {
	for i := len(p) - 1; i >= 0; i-- {
		var err error
		if next, err = p[i].Wrap(next); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// TestAllOverDuckDB: access above encryption above a cache of ciphertext.
func TestAllOverDuckDB(t *testing.T) {
	r := newRings(t)
	layer := func(p crypto.KeyProvider) func(testing.TB) core.Layer {
		return func(t testing.TB) core.Layer { return pile{guard(t), crypto.New(p, sealed()...), cache.New()} }
	}
	storetest.RunEnforcing(t, guarded(storetest.EnforcingConfig{LayerConfig: overDuckDB(layer(r.ours)), Crypto: cryptoConfig(r, layer)}))
}
