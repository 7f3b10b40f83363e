package compose

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// Stack is a built stack. It is a core.Store, which adds one check and one
// call to what its outermost layer does.
type Stack struct {
	top      core.Store
	base     core.Store
	bottom   core.Store   // base, guarded
	closers  []core.Store // innermost first, without the base
	holders  []core.Holder
	desc     core.Description
	onClose  []func() error
	keepBase bool

	closed   atomic.Bool
	closing  sync.Once
	closeErr error
}

var (
	_ core.Store     = (*Stack)(nil)
	_ core.Describer = (*Stack)(nil)
	_ core.Holder    = (*Stack)(nil)
)

// Write is core.Store's.
func (s *Stack) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if s.closed.Load() {
		return core.Commit{}, errClosed(core.OpWrite, req.Key())
	}
	return s.top.Write(ctx, req)
}

// Read is core.Store's.
func (s *Stack) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if s.closed.Load() {
		return core.Rows{}, errClosed(core.OpRead, req.Key)
	}
	return s.top.Read(ctx, req)
}

// Resolve is core.Store's.
func (s *Stack) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if s.closed.Load() {
		return core.Increment{}, errClosed(core.OpResolve, req.Key())
	}
	return s.top.Resolve(ctx, req)
}

// List is core.Store's.
func (s *Stack) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	if s.closed.Load() {
		return func(yield func(core.Info, error) bool) { yield(core.Info{}, errClosed(core.OpList, "")) }
	}
	return s.top.List(ctx, req)
}

// Stat is core.Store's.
func (s *Stack) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if s.closed.Load() {
		return core.Info{}, errClosed(core.OpStat, req.Key)
	}
	return s.top.Stat(ctx, req)
}

// Evolve is core.Store's.
func (s *Stack) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if s.closed.Load() {
		return core.Info{}, errClosed(core.OpEvolve, req.Key)
	}
	return s.top.Evolve(ctx, req)
}

// Capabilities are those of the outermost layer.
func (s *Stack) Capabilities() core.Capabilities { return s.top.Capabilities() }

// Close closes the layers from the outermost in, calls what OnClose was given,
// then closes the base. Every one is closed even when another's Close fails; the
// errors are joined. A second Close gives the same answer and does nothing.
func (s *Stack) Close() error {
	s.closing.Do(func() {
		s.closed.Store(true)
		s.closeErr = s.closeLayers()
		for _, f := range slices.Backward(s.onClose) {
			s.closeErr = errors.Join(s.closeErr, f())
		}
		if !s.keepBase {
			s.closeErr = errors.Join(s.closeErr, s.bottom.Close())
		}
	})
	return s.closeErr
}

func (s *Stack) closeLayers() error {
	var errs []error
	for _, l := range slices.Backward(s.closers) {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Layers returns the layers, outermost first, those of a base that is a stack
// included.
func (s *Stack) Layers() []core.LayerInfo { return slices.Clone(s.desc.Layers) }

// Describe returns the stack as data.
func (s *Stack) Describe() core.Description {
	d := s.desc
	d.Layers, d.Accepted = slices.Clone(d.Layers), maps.Clone(d.Accepted)
	return d
}

// Holds reports whether the stack stands on other, directly or through a
// layer that holds it.
func (s *Stack) Holds(other core.Store) bool {
	if core.StandsOn(s.base, other) {
		return true
	}
	return slices.ContainsFunc(s.holders, func(h core.Holder) bool { return h.Holds(other) })
}

// String draws the stack as text, outermost first.
func (s *Stack) String() string { return Drawing{s.desc}.String() }

// Mermaid draws the stack as a Mermaid flowchart.
func (s *Stack) Mermaid() string { return Drawing{s.desc}.Mermaid() }

// MarshalJSON gives the description.
func (s *Stack) MarshalJSON() ([]byte, error) { return Drawing{s.desc}.MarshalJSON() }

func errClosed(op core.Op, key core.FeatureKey) error {
	return &core.Error{Op: op, Key: key, Layer: "compose", Err: core.ErrClosed}
}
