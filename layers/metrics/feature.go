package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// features keeps the series of at most so many features.
type features struct {
	f       *families
	base    []string
	most    int
	other   *featureSeries
	dropped prometheus.Counter

	mu    sync.RWMutex
	known map[core.FeatureKey]*featureSeries
}

// featureSeries are the series of one feature.
type featureSeries struct {
	name string
	ops  [numOps]featureOp

	resolved  sync.Once // a feature that was never resolved shows no increment, rather than an empty one
	increment [numStatuses]prometheus.Gauge
}

type featureOp struct {
	operations  classes
	rows, bytes prometheus.Counter
}

func newFeatures(f *families, base []string, most int) *features {
	out := &features{f: f, base: base, most: most, known: map[core.FeatureKey]*featureSeries{}}
	out.other = out.make(Other)
	out.dropped, _ = f.dropped.GetMetricWithLabelValues(base...)
	return out
}

func (m *features) end(c around.Call, o around.Outcome, class around.Class, rows, bytes int64, found bool) {
	s := m.of(c.Key, class)
	op := &s.ops[c.Op]
	if !c.Part.Stream() {
		op.operations.inc(class)
	}
	add(op.rows, rows)
	add(op.bytes, bytes)
	if !found || s == m.other {
		return // of many features together no resolve is the last
	}
	s.resolved.Do(func() {
		for st := range numStatuses {
			s.increment[st], _ = m.f.featureIncrement.GetMetricWithLabelValues(with(m.base, s.name, st.String())...)
		}
	})
	for st := range numStatuses {
		if g := s.increment[st]; g != nil {
			g.Set(float64(st.of(o.Stats)))
		}
	}
}

// of gives the feature's series. Only a success makes new ones: a key is the
// caller's text until the store has accepted it.
func (m *features) of(key core.FeatureKey, class around.Class) *featureSeries {
	m.mu.RLock()
	s, full := m.known[key], len(m.known) >= m.most
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	if class != around.ClassOK && class != around.ClassPartial || key == Other || key.Validate() != nil {
		return m.other
	}
	if !full {
		if s = m.admit(key); s != nil {
			return s
		}
	}
	add(m.dropped, 1)
	return m.other
}

func (m *features) admit(key core.FeatureKey) *featureSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.known[key]; s != nil {
		return s
	}
	if len(m.known) >= m.most {
		return nil
	}
	s := m.make(string(key))
	m.known[key] = s
	return s
}

// make looks the series up. An error cannot be, since every label was checked;
// the series is then missing.
func (m *features) make(feature string) *featureSeries {
	s := &featureSeries{name: feature}
	for op := range core.Ops() {
		labels := with(m.base, feature, op.String())
		s.ops[op].operations.vec, s.ops[op].operations.labels = m.f.featureOperations, labels
		if op == core.OpWrite || op == core.OpRead || op == core.OpResolve {
			s.ops[op].rows, _ = m.f.featureRows.GetMetricWithLabelValues(labels...)
			s.ops[op].bytes, _ = m.f.featureBytes.GetMetricWithLabelValues(labels...)
		}
	}
	return s
}
