package metrics

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// numOps and numClasses are one more than the last of each.
const (
	numOps     = core.OpClose + 1
	numClasses = around.ClassOther + 1
)

// observer counts events. Every series that it needs is looked up once.
type observer struct {
	ops        [numOps]*opSeries // nil for what is no operation on data
	increments [numStatuses]prometheus.Counter
	features   *features // nil without PerFeature
	exemplar   func(context.Context) map[string]string
}

var _ around.Observer = (*observer)(nil)

func newObserver(f *families, o options) (*observer, error) {
	base := o.labels()
	out := &observer{exemplar: o.exemplar}
	for op := range core.Ops() {
		s, err := newOpSeries(f, base, op)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
		}
		out.ops[op] = s
	}
	for s := range numStatuses {
		c, err := f.increments.GetMetricWithLabelValues(with(base, s.String())...)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
		}
		out.increments[s] = c
	}
	if o.perFeature {
		out.features = newFeatures(f, base, o.features)
	}
	return out, nil
}

// Wants is around.Observer's.
func (*observer) Wants(around.Call) around.Want { return around.WantBytes | around.WantTiming }

// Begin is around.Observer's.
func (m *observer) Begin(ctx context.Context, c around.Call) context.Context {
	if s := m.of(c.Op); s != nil {
		s.inFlight.Inc()
	}
	return ctx
}

// End is around.Observer's.
func (m *observer) End(ctx context.Context, c around.Call, o around.Outcome) {
	s := m.of(c.Op)
	if s == nil {
		return
	}
	s.inFlight.Dec()
	class := min(o.Class(), around.ClassOther)
	if class.Failure() {
		s.errors.inc(class)
	}
	if c.Part.Stream() && c.Part != around.PartFeatures {
		s.streams.inc(class)
		s.stream.observe(ctx, o.Elapsed-o.Consumer, m.exemplar)
		if o.Batches > 0 {
			s.first.observe(ctx, o.Call+o.FirstBatch, m.exemplar)
		}
	} else {
		s.operations.inc(class)
		s.duration.observe(ctx, o.Elapsed-o.Consumer, m.exemplar)
	}
	rows, bytes := moved(c, o)
	add(s.rows, rows)
	add(s.bytes, bytes)
	found := c.Op == core.OpResolve && c.Part == around.PartCall && o.Err == nil
	if found {
		for st := range numStatuses {
			add(m.increments[st], st.of(o.Stats))
		}
	}
	if m.features != nil && c.Op != core.OpList {
		m.features.end(c, o, class, rows, bytes, found)
	}
}

func (m *observer) of(op core.Op) *opSeries {
	if op >= numOps {
		return nil
	}
	return m.ops[op]
}

// moved says how many rows and bytes went through the store: a write's when it
// succeeded, a loop's whichever way it ended.
func moved(c around.Call, o around.Outcome) (rows, bytes int64) {
	switch {
	case c.Op == core.OpWrite && o.Err == nil:
		return o.Commit.Rows, o.Commit.Bytes
	case c.Part.Stream() && c.Part != around.PartFeatures:
		return o.Rows, o.Bytes
	}
	return 0, 0
}

// add spares a counter what it would panic at.
func add(c prometheus.Counter, n int64) {
	if n > 0 && c != nil {
		c.Add(float64(n))
	}
}

// status is what a resolve says of a sample.
type status uint8

const (
	statusNew status = iota
	statusStale
	statusOrphaned
	statusUnchanged
	statusMissing
	numStatuses
)

var statusNames = [numStatuses]string{"new", "stale", "orphaned", "unchanged", "missing"}

// String gives the label.
func (s status) String() string { return statusNames[s] }

func (s status) of(st core.Stats) int64 {
	switch s {
	case statusNew:
		return st.New
	case statusStale:
		return st.Stale
	case statusOrphaned:
		return st.Orphaned
	case statusUnchanged:
		return st.Unchanged
	default:
		return st.Missing
	}
}
