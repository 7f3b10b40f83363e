// Package metrics is a layer that counts and times every operation with
// Prometheus.
//
//	m := metrics.New(registry, metrics.Store("dev"))
//	store, err := compose.New(db, compose.With(m))
//	numbers, err := m.Export(ctx)
//
// Metrics are registered on the Registerer that the caller passes, when the
// layer wraps its first store, and never on a global one. Several stacks may
// share a registry: they share its metrics, told apart by the label store.
//
// An operation that gives rows is measured twice: the call, and each range over
// its rows at the end of the loop, without the time that the loop's body took.
// A feature that is not there, a caller who stopped and a loop left early are
// outcomes, not errors.
//
// Labels hold names of operations, outcomes and stores, never a row's value,
// an error's text or a filter. Features are a label only with [PerFeature], and
// then only in metrics of their own, up to a limit.
package metrics

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// Name is the layer's name in descriptions and errors.
const Name = "metrics"

// Metrics is the layer. It may wrap several stores, whose numbers then add up.
type Metrics struct {
	reg prometheus.Registerer
	o   options

	mu    sync.Mutex
	bound *binding // nil until a store is wrapped
}

var _ core.Layer = (*Metrics)(nil)

// New makes a layer that registers its metrics on reg. A registry that cannot
// take them is reported by Wrap: nil is ErrInvalid, another metric under one of
// the names is ErrConflict.
func New(reg prometheus.Registerer, opts ...Option) *Metrics {
	return &Metrics{reg: reg, o: newOptions(opts)}
}

// NewRegistry makes an empty registry, for programs that have none.
func NewRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// Info is core.Layer's.
func (m *Metrics) Info() core.LayerInfo {
	phase := core.PhaseObserve
	if m.o.probe {
		phase = core.PhaseProbe
	}
	return core.LayerInfo{Name: Name, Phase: phase, Summary: m.o.summary()}
}

// Wrap is core.Layer's.
func (m *Metrics) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%s: %w: there is no store to wrap", Name, core.ErrInvalid)
	}
	b, err := m.bind()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return around.Wrap(next, b.observer, around.Options{Name: Name, Clock: m.o.clock}), nil
}

// Unwatch forgets what [WatchCache], [WatchDrift] and [WatchRetries] show, for
// programs that build stacks again and again on one registry. What was counted
// by then stays.
func (m *Metrics) Unwatch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bound != nil {
		m.bound.families.caches.remove(m)
		m.bound.families.drifts.remove(m)
		m.bound.families.retries.remove(m)
	}
}

// binding is what a registry that took the metrics makes possible.
type binding struct {
	families *families
	observer *observer
	own      *prometheus.Registry // the same metrics without the caller's others
}

// bind registers on first use. A failure leaves nothing registered and may be
// repeated.
func (m *Metrics) bind() (*binding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bound != nil {
		return m.bound, nil
	}
	if err := m.o.check(); err != nil {
		return nil, err
	}
	if r, ok := m.reg.(*prometheus.Registry); m.reg == nil || ok && r == nil {
		return nil, fmt.Errorf("%w: there is no registry", core.ErrInvalid)
	}
	f, err := register(m.reg, m.o)
	if err != nil {
		return nil, err
	}
	own := prometheus.NewRegistry()
	for _, c := range f.all {
		if err := own.Register(c); err != nil {
			return nil, fmt.Errorf("%w: %w", core.ErrConflict, err)
		}
	}
	o, err := newObserver(f, m.o)
	if err != nil {
		return nil, err
	}
	f.caches.add(m, m.o.labels(), m.o.caches)
	f.drifts.add(m, m.o.labels(), m.o.drifts)
	f.retries.add(m, m.o.labels(), m.o.retries)
	m.bound = &binding{families: f, observer: o, own: own}
	return m.bound, nil
}
