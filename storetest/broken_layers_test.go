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
	"github.com/metaxy-go/metaxy/storetest"
)

// badLayer is a layer that breaks one property of layers.
type badLayer struct {
	name string
	wrap func(next core.Store) core.Store
}

func (l badLayer) Info() core.LayerInfo {
	return core.LayerInfo{Name: l.name, Phase: core.PhaseProbe}
}

func (l badLayer) Wrap(next core.Store) (core.Store, error) { return l.wrap(next), nil }

// closable is a transparent layer's store that knows when it was closed.
func closable(next core.Store) *broken {
	b := &broken{next: next}
	b.close = func() error { return nil }
	return b
}

type extraMethod struct{ *broken }

// Unwrap is what no store may have.
func (e extraMethod) Unwrap() core.Store { return e.next }

// brokenLayers are layers with the property that each must fail.
func brokenLayers() map[string]brokenCase {
	var shared atomic.Pointer[core.Store]
	return map[string]brokenCase{
		"hides_samples": {"Layer/Y1_same_answers_as_the_bare_store", "drops filters", func(next core.Store) core.Store {
			b := closable(next)
			b.read = func(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				if !req.History {
					req.Filter = nil
				}
				return next.Read(ctx, req)
			}
			return b
		}},
		"forgets_basis": {"Layer/Y1_same_answers_as_the_bare_store", "loses what a write was computed from", func(next core.Store) core.Store {
			b := closable(next)
			b.write = func(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
				req.Basis = nil
				return next.Write(ctx, req)
			}
			return b
		}},
		"swallows_errors": {"Layer/Y2_faults_below_surface", "takes every failing read for a missing feature, as a bad fallback does", func(next core.Store) core.Store {
			b := closable(next)
			b.read = func(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if err != nil && ctx.Err() == nil {
					err = core.WrapError(core.OpRead, req.Key, "broken", core.ErrFeatureNotFound)
				}
				return rows, err
			}
			return b
		}},
		"retries_without_id": {"Layer/Y2_faults_below_surface", "retries whatever failed, denials too", func(next core.Store) core.Store {
			b := closable(next)
			b.stat = func(ctx context.Context, req core.StatRequest) (core.Info, error) {
				info, err := next.Stat(ctx, req)
				if errors.Is(err, core.ErrDenied) {
					return next.Stat(ctx, req)
				}
				return info, err
			}
			return b
		}},
		"answers_itself": {"Layer/Y3_every_method_reaches_the_store_below", "answers Stat from List", func(next core.Store) core.Store {
			b := closable(next)
			b.stat = func(ctx context.Context, req core.StatRequest) (core.Info, error) {
				for info, err := range next.List(ctx, core.ListRequest{Prefix: string(req.Key)}) {
					if err != nil || info.Key == req.Key {
						return info, err
					}
				}
				return core.Info{}, core.WrapError(core.OpStat, req.Key, "broken", core.ErrFeatureNotFound)
			}
			return b
		}},
		"has_unwrap": {"Layer/Y4_methods_are_exactly_those_of_store", "lets anybody reach below", func(next core.Store) core.Store { return extraMethod{closable(next)} }},
		"overclaims": {"Layer/Y5_capabilities_within_those_below", "claims a native resolve", func(next core.Store) core.Store {
			b := closable(next)
			b.capabilities = func() core.Capabilities {
				c := next.Capabilities()
				c.NativeResolve = true
				return c
			}
			return b
		}},
		"closes_below": {"Layer/Y6_does_not_close_what_it_did_not_open", "closes the store below", func(next core.Store) core.Store { return &broken{next: next} }},
		"shares_a_store": {"Layer/Y7_two_instances_share_no_state", "lists features of whichever store it saw first", func(next core.Store) core.Store {
			shared.CompareAndSwap(nil, &next)
			b := closable(next)
			b.read = func(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				return (*shared.Load()).Read(ctx, req)
			}
			b.list = func(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
				return next.List(ctx, req)
			}
			return b
		}},
	}
}

// TestBrokenLayers: each deliberately broken layer fails what it breaks.
func TestBrokenLayers(t *testing.T) {
	for name, c := range brokenLayers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed, out := runBroken(t, "layer:"+name, c.property)
			if !slices.Contains(failed, c.property) {
				t.Errorf("a layer that %s does not fail %s; failures: %v\n%s", c.what, c.property, failed, out)
			}
			if strings.Contains(c.property, "/Y1_") && !strings.Contains(out, "storetest.Replay(t, config") {
				t.Errorf("the failure does not print as a Go test:\n%s", out)
			}
		})
	}
}

// TestSkips: an exemption that exempts nothing is a failure.
func TestSkips(t *testing.T) {
	for what, want := range map[string]string{
		"W99": "is no property", "P1": "is not used", "W1": "gives no reason", "types": "declared as not kept", "badtype": "which is no type",
	} {
		if _, out := runBroken(t, "skip:"+what, "Write/W1_rows_written_are_rows_read"); !strings.Contains(out, want) || !strings.Contains(out, "FAIL") {
			t.Errorf("exemption %s: the suite does not say %q:\n%s", what, want, out)
		}
	}
}

// skipConfig has one bad exemption.
func skipConfig(what string) storetest.Config {
	cfg := storetest.Config{New: newMemory}
	switch what {
	case "types":
		cfg.Types = map[string]string{"int64": "a type that the store does keep"}
	case "badtype":
		cfg.Types = map[string]string{"int65": "no such type"}
	case "W1":
		cfg.Skip = map[string]string{"W1": " "}
	default:
		cfg.Skip = map[string]string{what: "a reason"}
	}
	return cfg
}
