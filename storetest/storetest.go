// Package storetest proves that a store honours the contract of package core,
// and holds the tools for tests of code that uses stores: a fault layer, a tap,
// a mock, fixtures and generators.
//
// A backend needs one test:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, storetest.Config{New: func(t testing.TB) core.Store {
//			return mystore.New(mystore.WithAllocator(storetest.Allocator(t)))
//		}})
//	}
//
// and a layer one more:
//
//	func TestLayer(t *testing.T) {
//		storetest.RunLayer(t, storetest.LayerConfig{Layer: func(t testing.TB) core.Layer { return mylayer.New() }})
//	}
//
// Every property is a subtest such as Write/W4_same_id_same_commit and says in
// one line why it matters when it fails. Arrow memory is counted (see
// [Allocator]), goroutines are counted, and nothing depends on the clock, so
// the suite runs under -race and -shuffle=on.
package storetest

import "testing"

// Run checks that a store honours the contract.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	if cfg.crashChild(t) {
		return
	}
	runGroups(t, cfg, storeGroups(), nil)
}

// RunLayer runs the whole of Run through a layer, then checks the layer against
// the bare store.
func RunLayer(t *testing.T, cfg LayerConfig) {
	t.Helper()
	l := newLayerRun(cfg)
	runGroups(t, l.config(), append(storeGroups(), layerGroups(l)...), nil)
}

// RunEnforcing runs the whole of RunLayer for a caller who may do everything,
// then the denial matrix and the leak checks.
func RunEnforcing(t *testing.T, cfg EnforcingConfig) {
	t.Helper()
	l := newLayerRun(cfg.layer())
	groups := append(storeGroups(), layerGroups(l)...)
	runGroups(t, l.config(), append(groups, enforcingGroups(l, cfg)...), cfg.context())
}

// Properties lists the properties that Run checks, as Group/Property.
func Properties() []string { return propertyNames(storeGroups()) }
