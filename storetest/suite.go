package storetest

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// property is one sentence of the contract.
type property struct {
	code string // such as "W4"
	name string // such as "same_id_same_commit"
	why  string // one line, printed when the property fails
	run  func(e *env)
	// needs says why the property has nothing to run on; nil or "" when it has.
	needs func(cfg Config) string
}

func (p property) title() string { return p.code + "_" + p.name }

type group struct {
	name       string
	properties []property
}

// env is what a property runs in.
type env struct {
	*testing.T
	cfg  Config
	mem  *memory.CheckedAllocator
	base context.Context // carries the identity, for enforcing layers
}

// suiteTB hands the checked allocator of the subtest to Config.New.
type suiteTB struct {
	testing.TB
	mem memory.Allocator
}

func (t suiteTB) allocator() memory.Allocator { return t.mem }

// Allocator gives the allocator that stores and tests should use. Inside the
// suite it is the subtest's, elsewhere a new one; either way the test fails
// when something that it allocated was not released at the end.
func Allocator(t testing.TB) memory.Allocator {
	if s, ok := t.(interface{ allocator() memory.Allocator }); ok {
		return s.allocator()
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() {
		if !t.Failed() {
			mem.AssertSize(t, 0)
		}
	})
	return mem
}

// ctx ends with the test and carries the identity of the suite, if any.
func (e *env) ctx() context.Context {
	if e.base == nil {
		return e.Context()
	}
	return e.base
}

func (e *env) tb() testing.TB { return suiteTB{e.T, e.mem} }

// store makes an empty store and closes it at the end of the property.
func (e *env) store() core.Store {
	e.Helper()
	s := e.cfg.New(e.tb())
	if s == nil {
		e.Fatal("Config.New returned nil")
	}
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("close: %v", err)
		}
	})
	return s
}

// check runs a random test. rapid prints the seed and the smallest failing case.
func (e *env) check(cases int, prop func(rt *rapid.T)) {
	e.Helper()
	cases *= max(1, e.cfg.Checks)
	ran, failed := 0, false
	rapid.Check(e.T, func(rt *rapid.T) {
		// rapid has no number of cases per call; what is beyond draws nothing.
		// After a failure every call counts, because rapid is shrinking.
		if ran >= cases && !failed {
			return
		}
		ran++
		done := false
		defer func() { failed = failed || !done || rt.Failed() }()
		prop(rt)
		done = true
	})
}

// runGroups runs every property as a subtest Group/Property.
func runGroups(t *testing.T, cfg Config, groups []group, base context.Context) {
	t.Helper()
	if cfg.New == nil {
		t.Fatal("storetest: Config.New is missing")
	}
	checkSkips(t, cfg, groups)
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, p := range g.properties {
				t.Run(p.title(), func(t *testing.T) { runProperty(t, cfg, p, base) })
			}
		})
	}
}

func runProperty(t *testing.T, cfg Config, p property, base context.Context) {
	if reason, ok := cfg.Skip[p.code]; ok {
		t.Skipf("left out: %s", reason)
	}
	if p.needs != nil {
		if reason := p.needs(cfg); reason != "" {
			t.Skip(reason)
		}
	}
	running := goleak.IgnoreCurrent()
	e := &env{T: t, cfg: cfg, mem: memory.NewCheckedAllocator(memory.NewGoAllocator()), base: base}
	// Registered first, so it runs after the stores are closed.
	t.Cleanup(func() {
		if !t.Failed() {
			e.mem.AssertSize(t, 0)
			goleak.VerifyNone(t, running)
		}
		if t.Failed() {
			t.Logf("why %s matters: %s", p.code, p.why)
		}
	})
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	p.run(e)
}

// checkSkips refuses exemptions that exempt nothing.
func checkSkips(t *testing.T, cfg Config, groups []group) {
	t.Helper()
	for code, reason := range cfg.Skip {
		var found *property
		for _, g := range groups {
			if i := slices.IndexFunc(g.properties, func(p property) bool { return p.code == code }); i >= 0 {
				found = &g.properties[i]
			}
		}
		switch {
		case found == nil:
			t.Errorf("Skip names %q, which is no property", code)
		case strings.TrimSpace(reason) == "":
			t.Errorf("Skip[%q] gives no reason", code)
		case found.needs != nil && found.needs(cfg) != "":
			t.Errorf("Skip[%q] is not used: %s", code, found.needs(cfg))
		}
	}
}

func propertyNames(groups []group) []string {
	var names []string
	for _, g := range groups {
		for _, p := range g.properties {
			names = append(names, fmt.Sprintf("%s/%s", g.name, p.title()))
		}
	}
	return names
}
