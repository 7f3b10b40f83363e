package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/storetest"
)

// guard is a small enforcing layer, for the suite's own tests: it knows the
// roles admin, reader and writer, hides the column "path" from readers, and
// stores it encrypted.
type guard struct {
	keys []string // the last one writes
	down bool
	// broken names a hole that the suite must notice; "" for none.
	broken string
	said   *strings.Builder
}

func (g *guard) Info() core.LayerInfo { return core.LayerInfo{Name: "guard", Phase: core.PhaseAccess} }

func (g *guard) Wrap(next core.Store) (core.Store, error) {
	return &guardStore{guard: g, next: next}, nil
}

const secret = "path"

type roleKey struct{}

func withRole(ctx context.Context, role string) context.Context {
	return context.WithValue(ctx, roleKey{}, role)
}

type guardStore struct {
	core.Strict
	guard  *guard
	next   core.Store
	closed atomic.Bool
}

var _ core.EnforcingStore = (*guardStore)(nil)

// allow decides about a call. Columns are those that the request names anywhere.
func (s *guardStore) allow(ctx context.Context, op core.Op, key core.FeatureKey, columns ...string) error {
	role, _ := ctx.Value(roleKey{}).(string)
	var err error
	switch {
	case s.closed.Load():
		err = core.ErrClosed
	case ctx.Err() != nil:
		err = ctx.Err()
	case s.guard.broken == "forgets_stat" && op == core.OpStat, role == "admin":
	case role == "":
		err = core.ErrUnauthenticated
	case op == core.OpEvolve, op == core.OpWrite && role != "writer", role != "writer" && role != "reader", slices.Contains(columns, secret):
		err = core.ErrDenied
	case role == "writer" && op != core.OpWrite && op != core.OpStat:
		err = core.ErrDenied
	}
	return core.WrapError(op, key, "guard", err)
}

func (s *guardStore) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.allow(ctx, core.OpWrite, req.Key()); err != nil {
		return core.Commit{}, err
	}
	if err := req.Check(); err != nil {
		return core.Commit{}, core.WrapError(core.OpWrite, req.Key(), "guard", err)
	}
	if s.guard.broken == "fails_open" && s.guard.down {
		return s.next.Write(ctx, req)
	}
	if s.guard.down {
		return core.Commit{}, core.WrapError(core.OpWrite, req.Key(), "guard", core.ErrUnavailable)
	}
	if !req.Tombstones {
		req.Rows = s.guard.seal(req.Key(), req.Rows)
	}
	return s.next.Write(ctx, req)
}

// Read fetches what decryption needs beside what was asked for, and filters
// above it what the store below cannot.
func (s *guardStore) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	columns := append(expr.Columns(req.Filter), req.Columns...)
	switch s.guard.broken {
	case "asks_below_first":
		_, _ = s.next.Stat(ctx, core.StatRequest{Key: req.Key})
	case "ignores_filters":
		columns = req.Columns
	}
	if err := s.allow(ctx, core.OpRead, req.Key, columns...); err != nil {
		return core.Rows{}, err
	}
	if err := req.Check(); err != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", err)
	}
	if s.guard.down {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", core.ErrUnavailable)
	}
	info, err := s.next.Stat(ctx, core.StatRequest{Key: req.Key})
	if err != nil {
		var e *core.Error
		if errors.As(err, &e) {
			err = e.Err // the caller asked to read, not for a Stat
		}
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", err)
	}
	plan, err := req.Bind(info)
	if err != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", err)
	}
	if role, _ := ctx.Value(roleKey{}).(string); role != "admin" && plan.Schema.HasField(secret) {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", core.ErrDenied)
	}
	above := slices.Contains(expr.Columns(req.Filter), secret)
	if !plan.Schema.HasField(secret) && !above {
		return s.next.Read(ctx, req)
	}
	return s.guard.read(ctx, s.next, req, plan, info)
}

func (s *guardStore) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	columns := slices.Clone(req.Columns)
	if req.Plan != nil {
		for _, u := range req.Plan.Upstream {
			for i, c := range req.Columns {
				columns[i] = u.Original(c)
			}
			for _, c := range expr.Columns(u.Filter) {
				columns = append(columns, u.Original(c))
			}
		}
	}
	if err := s.allow(ctx, core.OpResolve, req.Key(), columns...); err != nil {
		return core.Increment{}, err
	}
	inc, err := resolve.ByReading(ctx, s, req)
	return inc, core.WrapError(core.OpResolve, req.Key(), "guard", err)
}

func (s *guardStore) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if err := s.allow(ctx, core.OpList, ""); err != nil {
			yield(core.Info{}, err)
			return
		}
		s.next.List(ctx, req)(yield)
	}
}

func (s *guardStore) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if err := s.allow(ctx, core.OpStat, req.Key); err != nil {
		return core.Info{}, err
	}
	return s.next.Stat(ctx, req)
}

func (s *guardStore) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.allow(ctx, core.OpEvolve, req.Key); err != nil {
		return core.Info{}, err
	}
	return s.next.Evolve(ctx, req)
}

func (s *guardStore) Capabilities() core.Capabilities {
	below := s.next.Capabilities()
	return core.Capabilities{PushColumns: below.PushColumns, TimeTravel: below.TimeTravel, Durable: below.Durable, Evolve: below.Evolve}
}

func (s *guardStore) Close() error {
	s.closed.Store(true)
	return nil
}

// guardConfig is how a layer of this kind is put through the suite.
func guardConfig(layer func() *guard) storetest.EnforcingConfig {
	said := &strings.Builder{}
	with := func(keys ...string) func(testing.TB) core.Layer {
		return func(testing.TB) core.Layer {
			g := layer()
			g.keys, g.said = keys, said
			if g.broken == "one_key" {
				g.keys = keys[len(keys)-1:]
			}
			return g
		}
	}
	return storetest.EnforcingConfig{
		LayerConfig: storetest.LayerConfig{
			Layer:     with("key-1"),
			NotCalled: map[core.Op]string{core.OpResolve: "the universal engine runs on the layer, so that every read is checked"},
		},
		As: withRole, Admin: "admin", Roles: []string{"admin", "reader", "writer", "stranger"}, Matrix: "testdata/guard_matrix.golden",
		Reader: "reader", Protected: []string{secret}, Logs: said.String,
		Crypto: &storetest.CryptoConfig{
			Column: secret, Rotated: with("key-1", "key-2"), Stranger: with("key-3"),
			Down: func(testing.TB) core.Layer {
				g := layer()
				g.keys, g.said, g.down = []string{"key-1"}, said, true
				return g
			},
		},
	}
}

// brokenGuards are holes with the property that must find each.
func brokenGuards() map[string]string {
	return map[string]string{
		"forgets_stat":               "Enforcing/Z1_no_identity_is_unauthenticated",
		"asks_below_first":           "Enforcing/Z3_denial_touches_nothing_below",
		"ignores_filters":            "Enforcing/Z4_columns_in_filters_and_resolve_are_checked",
		"chatty":                     "Enforcing/Z5_canary_is_seen_nowhere",
		"unbound":                    "Enforcing/Z6_moved_ciphertext_is_integrity",
		"unauthenticated_ciphertext": "Enforcing/Z7_every_flipped_byte_is_integrity",
		"one_key":                    "Enforcing/Z8_key_rotation",
		"passes_plaintext":           "Enforcing/Z9_plaintext_below_is_refused",
		"fails_open":                 "Enforcing/Z10_services_down_no_plaintext",
	}
}

// TestEnforcing: a layer that checks and encrypts passes.
func TestEnforcing(t *testing.T) {
	storetest.RunEnforcing(t, guardConfig(func() *guard { return &guard{} }))
}
