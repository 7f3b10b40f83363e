package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

// stackOf is what breaks a rule, and a text that its violation must hold.
type stackOf struct {
	base core.Store
	opts []compose.Option
	says string
}

// breaches break exactly one rule each.
func breaches(t *testing.T) map[compose.RuleID]stackOf {
	t.Helper()
	twice := &pointerLayer{}
	base := &fake{}
	crypto := enforcing("crypto", core.PhaseCrypto)
	rbac := enforcing("rbac", core.PhaseAccess)
	return map[compose.RuleID]stackOf{
		compose.NilLayer:   {says: "layer 2 of 2 is nil", opts: layers(crypto, (*pointerLayer)(nil))},
		compose.KnownPhase: {says: "layer odd has no phase", opts: layers(transparent("odd", 77))},
		compose.SameLayer: {says: "twice", opts: append(layers(twice, twice),
			compose.Accept(compose.RepeatedLayer, "it breaks both rules"))},
		compose.StrictEnforcing: {says: "must embed core.Strict", opts: layers(layer{
			core.LayerInfo{Name: "rbac", Phase: core.PhaseAccess},
			func(n core.Store) (core.Store, error) { return &pass{next: n}, nil },
		})},
		compose.OwnLeg:        {says: "base of this very stack", base: base, opts: layers(holder{leg: base})},
		compose.Acceptance:    {says: "is not broken", opts: []compose.Option{compose.Accept(compose.OneCrypto, "just in case")}},
		compose.OneAccess:     {says: "2 access layers", opts: layers(rbac, enforcing("abac", core.PhaseAccess))},
		compose.OneFallback:   {says: "2 fallback layers", opts: layers(transparent("a", core.PhaseFallback), transparent("b", core.PhaseFallback))},
		compose.OneCrypto:     {says: "2 crypto layers", opts: layers(crypto, enforcing("kms", core.PhaseCrypto))},
		compose.RepeatedLayer: {says: "resilience layer retry", opts: layers(transparent("retry", core.PhaseResilience), transparent("retry", core.PhaseResilience))},
		compose.PhaseOrder: {
			says: "retry (resilience) stands above logging (observe)", base: build(t, &fake{}, layers(transparent("logging", core.PhaseObserve))...),
			opts: layers(transparent("retry", core.PhaseResilience)),
		},
		compose.NoPlaintextDisk: {says: "disklog keeps rows outside memory", opts: layers(crypto,
			with(core.LayerInfo{Name: "disklog", Phase: core.PhaseCatalog, Persists: true}))},
		compose.PlaintextCache: {says: "cache keeps copies", opts: layers(crypto,
			with(core.LayerInfo{Name: "cache", Phase: core.PhaseEvolve, Copies: true}))},
		compose.UnguardedCopy: {says: "spy keeps rows above the access layer", opts: layers(rbac,
			with(core.LayerInfo{Name: "spy", Phase: core.PhaseObserve, Copies: true}))},
		compose.NoSecretsShown: {says: "the summary of layer 1", opts: layers(
			with(core.LayerInfo{Name: "catalog", Phase: core.PhaseCatalog, Summary: "postgres://bob:hunter2@db/x"}))},
	}
}

func TestEveryRule(t *testing.T) {
	cases := breaches(t)
	for _, r := range compose.Rules() {
		c, ok := cases[r.ID]
		if !ok {
			t.Errorf("no stack here breaks %s", r.ID)
			continue
		}
		if c.base == nil {
			c.base = &fake{}
		}
		_, err := compose.New(c.base, c.opts...)
		found := compose.Violations(err)
		if len(found) != 1 || found[0].Rule != r.ID || !strings.Contains(found[0].Why, c.says) {
			t.Errorf("%s: got %v", r.ID, err)
		}
		if !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s does not match ErrInvalid", r.ID)
		}
		if r.Why == "" {
			t.Errorf("%s does not say why", r.ID)
		}
		s, err := compose.New(c.base, append(slices.Clone(c.opts), compose.Accept(r.ID, "we know"))...)
		switch {
		case r.Final && err == nil:
			t.Errorf("%s is final and was accepted", r.ID)
		case !r.Final && err != nil:
			t.Errorf("%s cannot be accepted: %v", r.ID, err)
		case !r.Final && !strings.Contains(s.String(), string(r.ID)+" accepted: we know"):
			t.Errorf("the reason is not shown:\n%s", s)
		}
	}
}

func TestEveryViolationIsReported(t *testing.T) {
	_, err := compose.New(&fake{}, compose.With(
		with(core.LayerInfo{Name: "disklog", Phase: core.PhaseObserve, Persists: true}), nil,
		enforcing("c1", core.PhaseCrypto), enforcing("c2", core.PhaseCrypto), enforcing("a", core.PhaseAccess), enforcing("b", core.PhaseAccess),
		layer{core.LayerInfo{Name: "lax", Phase: core.PhaseAccess}, func(n core.Store) (core.Store, error) { return &pass{next: n}, nil }},
	), compose.Accept("no-such-rule", "x"), compose.Accept(compose.OneAccess, ""))
	var rules []string
	for _, v := range compose.Violations(err) {
		rules = append(rules, string(v.Rule))
	}
	want := "nil-layer one-access one-crypto no-plaintext-disk unguarded-copy strict-enforcing" + strings.Repeat(" acceptance", 2)
	if got := strings.Join(rules, " "); got != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
	var v *compose.Violation
	if !errors.As(err, &v) {
		t.Error("violations are not found by errors.As")
	}
}

// The base's own layers count: a rule that held only for one half of a stack
// would not hold.
func TestStackOverStack(t *testing.T) {
	inner := build(t, &fake{}, layers(enforcing("crypto", core.PhaseCrypto))...)
	_, err := compose.New(inner, layers(with(core.LayerInfo{Name: "cache", Phase: core.PhaseEvolve, Copies: true}))...)
	if v := compose.Violations(err); len(v) != 1 || v[0].Rule != compose.PlaintextCache {
		t.Errorf("a cache over an encrypted stack: %v", err)
	}
	if _, err = compose.New(inner, layers(enforcing("crypto", core.PhaseCrypto))...); err == nil {
		t.Error("encrypted twice")
	}
}

// What a leg decrypts is plaintext above the fallback.
func TestLegsCount(t *testing.T) {
	leg := build(t, &fake{}, layers(enforcing("crypto", core.PhaseCrypto))...)
	_, err := compose.New(&fake{}, layers(holder{leg: leg}, with(core.LayerInfo{Name: "recorder", Phase: core.PhaseObserve, Persists: true}))...)
	if v := compose.Violations(err); len(v) != 1 || v[0].Rule != compose.NoPlaintextDisk {
		t.Errorf("got %v", err)
	}
}

func TestOwnLegThroughStacks(t *testing.T) {
	base := &fake{}
	shared := build(t, base, compose.KeepBaseOpen())
	between := build(t, &fake{}, layers(holder{leg: shared})...)
	_, err := compose.New(base, layers(holder{leg: between})...)
	if v := compose.Violations(err); len(v) != 1 || v[0].Rule != compose.OwnLeg {
		t.Errorf("got %v", err)
	}
	if !between.Holds(base) || between.Holds(&fake{}) {
		t.Error("Holds is wrong")
	}
}

// A secret in a description is not repeated by the complaint about it.
func TestSecretsAreNotRepeated(t *testing.T) {
	for _, text := range []string{"postgres://bob:hunter2@db/x", "password=hunter2", "API_KEY: hunter2"} {
		_, err := compose.New(&fake{}, compose.Backend(text))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	for _, text := range []string{"postgres://db/x", "256 MiB", "tokens per second: 3", "keys of 2 columns"} {
		if _, err := compose.New(&fake{}, compose.Backend(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func layers(l ...core.Layer) []compose.Option { return []compose.Option{compose.With(l...)} }

// pointerLayer has an identity.
type pointerLayer struct{ _ int }

func (*pointerLayer) Info() core.LayerInfo {
	return core.LayerInfo{Name: "twin", Phase: core.PhaseObserve}
}
func (*pointerLayer) Wrap(next core.Store) (core.Store, error) { return &pass{next: next}, nil }

// holder is a layer that holds another store, as a fallback does.
type holder struct{ leg core.Store }

func (h holder) Info() core.LayerInfo {
	return core.LayerInfo{Name: "fallback", Phase: core.PhaseFallback, Legs: []core.Description{core.DescribeStore(h.leg)}}
}
func (h holder) Wrap(next core.Store) (core.Store, error) { return &pass{next: next}, nil }
func (h holder) Holds(s core.Store) bool                  { return core.StandsOn(h.leg, s) }
