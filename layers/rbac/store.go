package rbac

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// store decides about every call. What an identity is kept from is taken out of
// the request before it goes below, never out of the answer alone.
type store struct {
	core.Strict
	next   core.Store
	rbac   *RBAC
	caps   core.Capabilities
	closed atomic.Bool
}

var _ core.EnforcingStore = (*store)(nil)

// Read is core.Store's.
func (s *store) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	c, err := s.begin(ctx, call{op: core.OpRead, key: req.Key, columns: req.Columns, filter: req.Filter}, req.Check)
	if err != nil {
		return core.Rows{}, err
	}
	a := c.access(req.Key)
	if err := c.decide(firstError(c.allowed(&a, req.Key), c.columnsShown(&a, req.Key, req.Columns), c.columnsRead(&a, req.Key, expr.Columns(req.Filter)))); err != nil {
		return core.Rows{}, err
	}
	rows, err := s.read(ctx, &a, req)
	if err != nil {
		return core.Rows{}, c.ended(0, err)
	}
	return c.observed(rows), nil
}

// Stat is core.Store's.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	c, err := s.begin(ctx, call{op: core.OpStat, key: req.Key}, req.Check)
	if err != nil {
		return core.Info{}, err
	}
	a := c.access(req.Key)
	if err := c.decide(c.allowed(&a, req.Key)); err != nil {
		return core.Info{}, err
	}
	info, err := s.next.Stat(ctx, req)
	if err := c.ended(-1, err); err != nil {
		return core.Info{}, err
	}
	return c.shown(&a, info), nil
}

// List is core.Store's. It shows the features that the caller may list and stat.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		c, err := s.begin(ctx, call{op: core.OpList, key: core.FeatureKey(printable(req.Prefix))}, nil)
		if err == nil {
			err = c.decide(c.mayList())
		}
		if err != nil {
			yield(core.Info{}, err)
			return
		}
		s.list(ctx, c, req, yield)
	}
}

// list records its outcome on every path out of the loop.
func (s *store) list(ctx context.Context, c *calling, req core.ListRequest, yield func(core.Info, error) bool) {
	end := ending{c: c, stopped: true}
	defer func() { _ = end.record() }()
	for info, err := range s.next.List(ctx, req) {
		if err != nil {
			end.err, end.stopped = err, false
			yield(core.Info{}, err)
			return
		}
		a := c.access(info.Key)
		if !a.may(actionOf(core.OpList) | actionOf(core.OpStat)) {
			continue
		}
		end.rows++
		if !yield(c.shown(&a, info), nil) {
			return
		}
	}
	end.stopped = false
	if err := end.record(); err != nil {
		yield(core.Info{}, err)
	}
}

// Capabilities are those of the store below: restrictions travel with the
// requests.
func (s *store) Capabilities() core.Capabilities { return s.caps }

// Close leaves the store below open, which this layer did not open.
func (s *store) Close() error {
	s.closed.Store(true)
	return nil
}

// shown takes out of a description, and out of what its commits were computed
// from, what the caller may not see: a feature that they may neither stat nor
// read is not there.
func (c *calling) shown(a *access, info core.Info) core.Info {
	info = c.s.shown(a, info)
	known := map[core.FeatureKey]bool{}
	secret := func(key core.FeatureKey, _ int64) bool {
		if _, asked := known[key]; !asked {
			a := c.access(key)
			known[key] = a.may(actionOf(core.OpStat)) || a.may(actionOf(core.OpRead))
		}
		return !known[key]
	}
	log := slices.Clone(info.Log)
	for i := range log {
		log[i].Basis = log[i].Basis.Clone()
		maps.DeleteFunc(log[i].Basis, secret)
	}
	info.Log = log
	return info
}

// shown takes out of a description what the caller may not see. Counts are of
// all rows, so whoever sees some rows sees no count.
func (s *store) shown(a *access, info core.Info) core.Info {
	if !a.restricted() {
		return info
	}
	if len(a.columns) > 0 {
		info.Schema = s.rbac.shownSchema(a, info.Schema)
		info.ID = slices.DeleteFunc(slices.Clone(info.ID), func(c string) bool { return a.show(c) == ShowHide })
		if a.show(core.ColDataVersion) == ShowHide {
			info.Containers = nil
		}
	}
	if len(a.rows) > 0 {
		info.Rows, info.Bytes = -1, -1
		info.Log = slices.Clone(info.Log)
		for i := range info.Log {
			info.Log[i].Rows, info.Log[i].Bytes = -1, -1
		}
	}
	return info
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// asOp makes an error of a call of our own one of the caller's operation.
func asOp(op core.Op, key core.FeatureKey, err error) error {
	var e *core.Error
	if errors.As(err, &e) && (e.Op != op || e.Key != key) {
		return &core.Error{Op: op, Key: key, Layer: e.Layer, Err: e.Err}
	}
	return core.WrapError(op, key, name, err)
}
