package core_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// TestOpsCoverStore holds the table of operations to the methods of Store.
func TestOpsCoverStore(t *testing.T) {
	var methods []string
	for m := range reflect.TypeFor[core.Store]().Methods() {
		if m.Name != "Capabilities" { // touches nothing
			methods = append(methods, strings.ToLower(m.Name))
		}
	}
	ops := []string{core.OpClose.String()}
	for o := range core.Ops() {
		ops = append(ops, o.String())
		if back, ok := core.ParseOp(o.String()); !ok || back != o {
			t.Errorf("%v parses as %v", o, back)
		}
		if o.Mutates() != (o == core.OpWrite || o == core.OpEvolve) {
			t.Errorf("%v mutates: %v", o, o.Mutates())
		}
	}
	slices.Sort(methods)
	slices.Sort(ops)
	if !slices.Equal(methods, ops) {
		t.Errorf("methods %v, operations %v", methods, ops)
	}
	for range core.Ops() {
		break // leaving early is allowed
	}
	if core.Op(0).String() != "unknown" || core.Op(200).String() != "unknown" {
		t.Error("numbers that are no operation have a name")
	}
	for _, s := range []string{"", "unknown", "Read", "capabilities"} {
		if o, ok := core.ParseOp(s); ok {
			t.Errorf("%q is %v", s, o)
		}
	}
}

func TestPhases(t *testing.T) {
	seen := map[string]bool{}
	for p := core.PhaseObserve; p <= core.PhaseProbe; p++ {
		if !p.Valid() || seen[p.String()] || p.String() == "" || p.Enforcing() != (p == core.PhaseAccess || p == core.PhaseCrypto) {
			t.Errorf("phase %d: %q", p, p)
		}
		seen[p.String()] = true
	}
	for _, p := range []core.Phase{0, core.PhaseProbe + 1} {
		if p.Valid() || p.String() != "unknown" {
			t.Errorf("phase %d: %q", p, p)
		}
	}
}

func TestSentinelsAreApart(t *testing.T) {
	all := core.Sentinels()
	if len(all) != 11 {
		t.Errorf("%d sentinels", len(all))
	}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v is %v: %v", a, b, errors.Is(a, b))
			}
		}
		if errors.Is(a, context.Canceled) || errors.Is(a, context.DeadlineExceeded) {
			t.Errorf("%v is a context error", a)
		}
	}
	if !errors.Is(core.ErrUnsupported, errors.ErrUnsupported) {
		t.Error("ErrUnsupported is not the standard library's")
	}
}

func TestWrapError(t *testing.T) {
	if core.WrapError(core.OpRead, "a", "x", nil) != nil {
		t.Error("nil became an error")
	}
	inner := core.WrapError(core.OpRead, "video/crop", "duckdb", fmt.Errorf("%w: no such table", core.ErrFeatureNotFound))
	if got := inner.Error(); got != "read video/crop: duckdb: feature not found: no such table" {
		t.Error(got)
	}
	outer := core.WrapError(core.OpResolve, "video/x", "cache", fmt.Errorf("while resolving: %w", inner))
	var e *core.Error
	if !errors.As(outer, &e) || e.Op != core.OpRead || e.Layer != "duckdb" || !errors.Is(outer, core.ErrFeatureNotFound) {
		t.Errorf("the innermost decision is hidden: %v", outer)
	}
	if got := (&core.Error{Op: core.OpClose, Err: core.ErrClosed}).Error(); got != "close: store is closed" {
		t.Error(got)
	}
	cancelled := core.WrapError(core.OpWrite, "a", "memory", context.Canceled)
	if !errors.Is(cancelled, context.Canceled) {
		t.Error(cancelled)
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"add": core.AddColumn, "widen": core.WidenColumn, "rename": core.RenameColumn, "unknown": core.ChangeKind(64),
		"1:1": core.OneToOne, "N:1": core.Aggregation, "1:N": core.Expansion,
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if core.Lineage(9).String() != "unknown" {
		t.Error("a lineage that is none has a name")
	}
}
