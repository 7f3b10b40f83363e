package conformance_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
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

// inMemory is a layer's configuration with DuckDB below it, whose database is
// in memory: a file for each store takes most of the time.
func inMemory(layer func(testing.TB) core.Layer) storetest.LayerConfig {
	f := &files{of: map[core.Store]string{}}
	return storetest.LayerConfig{
		Layer: layer, New: func(t testing.TB) core.Store { t.Helper(); return f.open(t, ":memory:") },
		Skip: map[string]string{"Y2": "the faults stand between the layer and the store, so it runs over the store in memory"},
	}
}

// onFiles is inMemory with files that are opened again.
func onFiles(layer func(testing.TB) core.Layer) storetest.LayerConfig {
	f := &files{of: map[core.Store]string{}}
	cfg := inMemory(layer)
	cfg.New, cfg.Reopen = f.fresh, f.reopen
	return cfg
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

// TestCryptoOverDuckDB has the column that the suite attacks deterministic; in
// TestAllOverDuckDB it is random with a beacon.
func TestCryptoOverDuckDB(t *testing.T) {
	r := newRings(t)
	layer := func(p crypto.KeyProvider) func(testing.TB) core.Layer {
		return func(testing.TB) core.Layer {
			return crypto.New(p, crypto.Column("**", "path", crypto.Deterministic()), crypto.Column("**", "note", crypto.HideNulls()), crypto.Columns("size"))
		}
	}
	storetest.RunEnforcing(t, storetest.EnforcingConfig{LayerConfig: inMemory(layer(r.ours)), Crypto: cryptoConfig(r, layer)})
}

func TestAccessOverDuckDB(t *testing.T) {
	storetest.RunEnforcing(t, guarded(storetest.EnforcingConfig{LayerConfig: inMemory(guard)}))
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

// TestObservedOverDuckDB: logging above fallback, whose legs hold nothing.
func TestObservedOverDuckDB(t *testing.T) {
	storetest.RunLayer(t, onFiles(func(t testing.TB) core.Layer {
		legs := fallback.NewWith(fallback.Leg("staging", storetest.Empty(t)), fallback.Leg("prod", storetest.Empty(t)))
		return pile{logging.New(zap.NewNop()), legs}
	}))
}

// TestAllOverDuckDB: access above encryption above a cache of ciphertext.
func TestAllOverDuckDB(t *testing.T) {
	r := newRings(t)
	layer := func(p crypto.KeyProvider) func(testing.TB) core.Layer {
		return func(t testing.TB) core.Layer { return pile{guard(t), crypto.New(p, sealed()...), cache.New()} }
	}
	storetest.RunEnforcing(t, guarded(storetest.EnforcingConfig{LayerConfig: onFiles(layer(r.ours)), Crypto: cryptoConfig(r, layer)}))
}
