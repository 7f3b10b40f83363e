package storetest

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

// MockStore is a working store in memory that fails when told to and records
// what it was asked: for tests of code that uses a store.
type MockStore struct {
	next  core.Store // tap over fault over memory
	base  core.Store
	tap   *TapLayer
	fault *FaultLayer

	mu       sync.Mutex
	failures map[core.Op]error
	latency  map[core.Op]time.Duration
}

var _ core.Store = (*MockStore)(nil)

// MockOption sets a choice of Mock.
type MockOption func(*mockOptions)

type mockOptions struct {
	base  core.Store
	sleep func(ctx context.Context, d time.Duration) error
}

// MockOver uses another store than a new one in memory. Close closes it.
func MockOver(s core.Store) MockOption { return func(o *mockOptions) { o.base = s } }

// MockSleeper replaces the clock of SetLatency, for tests that must not wait.
func MockSleeper(sleep func(ctx context.Context, d time.Duration) error) MockOption {
	return func(o *mockOptions) { o.sleep = sleep }
}

// Mock makes an empty MockStore.
func Mock(opts ...MockOption) *MockStore {
	o := mockOptions{sleep: sleepReal}
	for _, set := range opts {
		set(&o)
	}
	if o.base == nil {
		o.base = memory.New()
	}
	m := &MockStore{
		base: o.base, tap: Tap(TapRows()), fault: Fault().Sleeper(o.sleep),
		failures: map[core.Op]error{}, latency: map[core.Op]time.Duration{},
	}
	below := &faultStore{layer: m.fault, next: o.base}
	m.next = &tapStore{layer: m.tap, next: below}
	return m
}

// SetFailure makes every call of an operation fail with err; nil ends it.
func (m *MockStore) SetFailure(op core.Op, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures[op] = err
	m.arm()
}

// SetLatency delays every call of an operation; 0 ends it.
func (m *MockStore) SetLatency(op core.Op, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latency[op] = d
	m.arm()
}

// arm turns the settings into rules.
func (m *MockStore) arm() {
	var rules []Rule
	for op, d := range m.latency {
		if d > 0 {
			rules = append(rules, Latency(op, d))
		}
	}
	for op, err := range m.failures {
		if err != nil {
			rules = append(rules, Rule{Op: op, Do: Fail, Err: err})
		}
	}
	m.fault.Set(rules...)
}

// Recorded gives the tap, with all calls and its assertions.
func (m *MockStore) Recorded() *TapLayer { return m.tap }

// Calls lists the recorded calls of an operation; 0 means all.
func (m *MockStore) Calls(op core.Op) []Call { return m.tap.Calls(op) }

// String names the store.
func (m *MockStore) String() string {
	return fmt.Sprintf("storetest.MockStore(calls=%d)", len(m.tap.Calls(0)))
}

// Write appends rows, unless it was told to fail.
func (m *MockStore) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	return m.next.Write(ctx, req)
}

// Read gives rows, unless it was told to fail.
func (m *MockStore) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	return m.next.Read(ctx, req)
}

// Resolve compares, unless it was told to fail.
func (m *MockStore) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	return m.next.Resolve(ctx, req)
}

// List yields features, unless it was told to fail.
func (m *MockStore) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return m.next.List(ctx, req)
}

// Stat describes a feature, unless it was told to fail.
func (m *MockStore) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	return m.next.Stat(ctx, req)
}

// Evolve changes a schema, unless it was told to fail.
func (m *MockStore) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	return m.next.Evolve(ctx, req)
}

// Capabilities are those of the store that answers.
func (m *MockStore) Capabilities() core.Capabilities { return m.next.Capabilities() }

// Close closes the store that answers, unless it was told to fail.
func (m *MockStore) Close() error {
	err := (&faultStore{layer: m.fault, next: m.base}).Close()
	if err != nil {
		return err
	}
	return m.base.Close()
}
