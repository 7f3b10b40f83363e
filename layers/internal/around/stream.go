package around

import (
	"context"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/util"

	"github.com/metaxy-go/metaxy/core"
)

// rows observes every range over r.
func (s *store) rows(ctx context.Context, c Call, part Part, call time.Duration, r core.Rows) core.Rows {
	if r.Batches == nil {
		return r
	}
	batches := r.Batches
	c.Part = part
	r.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		m := s.begin(ctx, c)
		m.out.Call, m.out.Origin = call, r.Origin
		defer m.end()
		for b, err := range batches {
			if err == nil && b != nil {
				m.out.Rows += b.NumRows()
				if m.wants&WantBytes != 0 {
					m.out.Bytes += util.TotalRecordSize(b)
				}
			}
			if !consume(m, yield, b, err) {
				return
			}
		}
		m.out.Partial = false
	}
	return r
}

// features observes a range over a List. The list is opened with the event's
// context, since it does its work within the loop.
func (s *store) features(ctx context.Context, c Call, open func(context.Context) iter.Seq2[core.Info, error]) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		m := s.begin(ctx, c)
		defer m.end()
		for info, err := range open(m.ctx) {
			if err == nil {
				m.out.Rows++
			}
			if !consume(m, yield, info, err) {
				return
			}
		}
		m.out.Partial = false
	}
}

// meter is one range in progress.
type meter struct {
	s     *store
	ctx   context.Context // of the range, which is as long as m lives
	call  Call
	wants Want
	start time.Time
	out   Outcome
}

func (s *store) begin(ctx context.Context, c Call) *meter {
	m := &meter{s: s, call: c, wants: s.observer.Wants(c)}
	if c.Op == core.OpList {
		m.wants &^= WantBytes
	}
	// Until the sequence has come to its end, leaving is early: a break, a
	// return and a panic of the loop's body all look the same here.
	m.out.Partial = true
	if m.wants&WantBytes == 0 {
		m.out.Bytes = -1
	}
	m.ctx = s.observer.Begin(ctx, c)
	m.start = s.now()
	return m
}

func (m *meter) end() {
	m.out.Elapsed = m.s.now().Sub(m.start)
	if m.call.Op == core.OpList {
		m.out.Batches = 0
	}
	m.s.observer.End(m.ctx, m.call, m.out)
}

// consume hands one element to the loop's body and takes the time it keeps it.
func consume[T any](m *meter, yield func(T, error) bool, v T, err error) bool {
	if err != nil {
		m.out.Err = err
		m.out.Partial = false
	} else {
		m.out.Batches++
	}
	if m.wants&WantTiming == 0 {
		return yield(v, err)
	}
	before := m.s.now()
	if err == nil && m.out.Batches == 1 {
		m.out.FirstBatch = before.Sub(m.start)
	}
	again := yield(v, err)
	m.out.Consumer += m.s.now().Sub(before)
	return again
}
