package cache

import (
	"context"
	"errors"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Read checks the request against what the store below says of the feature, and
// looks for the answer when the rows are ranged over.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if err := s.enter(ctx, core.OpRead, req.Key, req.Check); err != nil {
		return core.Rows{}, err
	}
	info, err := s.validate(ctx, req.Key, req.Local)
	if err != nil {
		return core.Rows{}, err
	}
	q, err := s.ask(req, info)
	if err != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, name, err)
	}
	return core.Rows{Schema: q.plan.Schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		s.answer(ctx, q, yield)
	}}, nil
}

// answer serves q from the shelf, from another reader's miss, or from below.
func (s *store) answer(ctx context.Context, q question, yield func(arrow.RecordBatch, error) bool) {
	shelf, counts := s.cache.shelf, &s.cache.counts
	for {
		err := ctx.Err()
		if s.closed.Load() {
			err = core.ErrClosed
		}
		if err != nil {
			yield(nil, core.WrapError(core.OpRead, q.feature, name, err))
			return
		}
		e, rest, f, leads := shelf.board(&q)
		switch {
		case e != nil:
			counts.hits.Add(1)
			defer e.release()
			q.serve(ctx, e, rest, yield)
			return
		case leads:
			counts.misses.Add(1)
			s.lead(ctx, q, f, yield)
			return
		case !s.wait(ctx, q, f, yield):
			return
		}
	}
}

// wait serves what the leader of the flight read. Where its read broke, or was
// too large, this reader reads for itself; where it left, again is true and
// nothing was served.
func (s *store) wait(ctx context.Context, q question, f *flight, yield func(arrow.RecordBatch, error) bool) (again bool) {
	select {
	case <-f.done:
	case <-ctx.Done():
		s.cache.shelf.leave(f)
		yield(nil, core.WrapError(core.OpRead, q.feature, name, ctx.Err()))
		return false
	}
	switch {
	case f.entry != nil:
		s.cache.counts.shared.Add(1)
		defer f.entry.release()
		q.serve(ctx, f.entry, nil, yield)
	case f.again:
		return true
	default:
		s.cache.counts.misses.Add(1)
		s.through(ctx, q, yield)
	}
	return false
}

// through reads below without keeping anything.
func (s *store) through(ctx context.Context, q question, yield func(arrow.RecordBatch, error) bool) {
	rows, err := s.next.Read(ctx, q.request)
	if err != nil {
		yield(nil, err)
		return
	}
	rows.All()(yield)
}

// lead reads below and lands the flight on every path. It collects up to the
// limit of an item before it yields, so that those who wait do not depend on
// the pace of its own consumer; past the limit the rows stream through.
func (s *store) lead(ctx context.Context, q question, f *flight, yield func(arrow.RecordBatch, error) bool) {
	landed := false
	land := func(l landing, cost float64, keep func() bool) {
		if !landed {
			landed = true
			s.cache.shelf.land(q.key, f, l, cost, keep)
		}
	}
	defer land(landing{}, 0, nil)
	broke := func(err error) {
		// An error of a context that is over says nothing to those who wait.
		land(landing{again: ctx.Err() != nil}, 0, nil)
		yield(nil, err)
	}

	began := time.Now()
	rows, err := s.next.Read(ctx, q.request)
	if err != nil {
		broke(err)
		return
	}
	var kept []arrow.RecordBatch
	defer func() { core.ReleaseAll(kept) }()
	var bytes int64
	for b, err := range rows.All() {
		if err != nil {
			broke(err)
			return
		}
		if landed {
			if !yield(b, nil) {
				return
			}
			continue
		}
		b.Retain()
		kept = append(kept, b)
		if bytes += footprint(kept[len(kept)-1:]); bytes <= s.cache.options.itemLimit() {
			continue
		}
		s.cache.counts.tooLarge.Add(1)
		land(landing{}, 0, nil)
		for len(kept) > 0 {
			b := kept[0]
			kept = kept[1:]
			if !deliver(b, yield) {
				return
			}
		}
	}
	if landed {
		return
	}
	cost := float64(time.Since(began).Microseconds()) / 1000
	e := newEntry(q, kept, deadline(s.cache.options.now(), s.cache.options.ttl))
	kept = nil
	defer e.release()
	unchanged := s.unchanged(ctx, q)
	land(landing{entry: e}, cost, func() bool { return unchanged && !s.closed.Load() })
	q.serve(ctx, e, nil, yield)
}

// deliver releases the batch even when the loop's body panics.
func deliver(b arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	defer b.Release()
	return yield(b, nil)
}

// unchanged reports whether what was read is what its key says. A store without
// time travel may have taken a commit in the meantime.
func (s *store) unchanged(ctx context.Context, q question) bool {
	if s.caps.TimeTravel {
		return true
	}
	info, err := s.next.Stat(ctx, core.StatRequest{Key: q.feature, Local: q.local})
	return err == nil && info.Generation == q.seq && info.SchemaVersion == q.schema
}

// validate gives what the feature is now, by the store below or, for as long as
// the options trust it, by memory.
func (s *store) validate(ctx context.Context, feature core.FeatureKey, local bool) (core.Info, error) {
	of := topic{s.id, feature}
	if s.cache.shelf.missing(of, local) {
		s.cache.counts.hits.Add(1)
		s.cache.counts.missing.Add(1)
		return core.Info{}, core.WrapError(core.OpRead, feature, name, core.ErrFeatureNotFound)
	}
	if info, ok := s.trusted(feature, local); ok {
		return info, nil
	}
	epoch := s.epoch.Load()
	info, err := s.next.Stat(ctx, core.StatRequest{Key: feature, Local: local})
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
		s.cache.shelf.putMissing(of, local, func() bool { return s.epoch.Load() == epoch && !s.closed.Load() })
		return core.Info{}, reissue(core.OpRead, feature, err)
	case err != nil:
		return core.Info{}, reissue(core.OpRead, feature, err)
	}
	s.trust(feature, local, info, epoch)
	return info, nil
}

// reissue makes an error of the Stat that stands behind a read say "read".
func reissue(op core.Op, feature core.FeatureKey, err error) error {
	var e *core.Error
	if errors.As(err, &e) {
		return &core.Error{Op: op, Key: feature, Layer: e.Layer, Err: e.Err}
	}
	return core.WrapError(op, feature, name, err)
}
