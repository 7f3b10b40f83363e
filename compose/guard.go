package compose

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/metaxy-go/metaxy/core"
)

// PanicError is a panic of a layer or backend, inside the *core.Error that
// names it and the operation. It matches core.ErrIntegrity.
//
// Its text has no more of the panic than the runtime's own message or the type
// of the value, because a value may hold a row. Value and Stack are for who
// asks for them.
type PanicError struct {
	Value any
	Stack []byte
}

// Error prints as "panic: runtime error: index out of range [3] with length 3".
func (e *PanicError) Error() string {
	if err, ok := e.Value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic with a %T", e.Value)
}

// Unwrap makes it match core.ErrIntegrity.
func (e *PanicError) Unwrap() error { return core.ErrIntegrity }

// guard stands around each store of a stack and turns a panic below it into an
// error. What is above it (the body of a loop over rows, the source of a write)
// also runs inside calls of the store below; its panics go on unchanged.
//
// It cannot help where a layer panics on a goroutine of its own.
type guard struct {
	next core.Store
	name string // of the layer or backend
}

var (
	_ core.Store     = (*guard)(nil)
	_ core.Describer = (*guard)(nil)
	_ core.Holder    = (*guard)(nil)
)

// Write is core.Store's.
func (g *guard) Write(ctx context.Context, req core.WriteRequest) (c core.Commit, err error) {
	var above source
	req.Rows = above.watch(req.Rows)
	defer func() {
		if !above.panics.Load() {
			g.caught(recover(), core.OpWrite, req.Key(), &err)
		}
	}()
	return g.next.Write(ctx, req)
}

// Read is core.Store's.
func (g *guard) Read(ctx context.Context, req core.ReadRequest) (rows core.Rows, err error) {
	defer func() { g.caught(recover(), core.OpRead, req.Key, &err) }()
	rows, err = g.next.Read(ctx, req)
	if err == nil {
		rows = g.rows(core.OpRead, req.Key, rows)
	}
	return rows, err
}

// Resolve is core.Store's.
func (g *guard) Resolve(ctx context.Context, req core.ResolveRequest) (inc core.Increment, err error) {
	var above source
	req.Samples = above.watch(req.Samples)
	defer func() {
		if !above.panics.Load() {
			g.caught(recover(), core.OpResolve, req.Key(), &err)
		}
	}()
	inc, err = g.next.Resolve(ctx, req)
	if err == nil {
		for _, part := range []*core.Rows{&inc.New, &inc.Stale, &inc.Orphaned, &inc.Missing} {
			*part = g.rows(core.OpResolve, req.Key(), *part)
		}
	}
	return inc, err
}

// List is core.Store's.
func (g *guard) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return guarded(g, core.OpList, "", func(yield func(core.Info, error) bool) { g.next.List(ctx, req)(yield) })
}

// Stat is core.Store's.
func (g *guard) Stat(ctx context.Context, req core.StatRequest) (info core.Info, err error) {
	defer func() { g.caught(recover(), core.OpStat, req.Key, &err) }()
	return g.next.Stat(ctx, req)
}

// Evolve is core.Store's.
func (g *guard) Evolve(ctx context.Context, req core.EvolveRequest) (info core.Info, err error) {
	defer func() { g.caught(recover(), core.OpEvolve, req.Key, &err) }()
	return g.next.Evolve(ctx, req)
}

// Capabilities are none after a panic.
func (g *guard) Capabilities() (c core.Capabilities) {
	defer func() { _ = recover() }()
	return g.next.Capabilities()
}

// Close is core.Store's.
func (g *guard) Close() (err error) {
	defer func() { g.caught(recover(), core.OpClose, "", &err) }()
	return g.next.Close()
}

// Describe describes the store below.
func (g *guard) Describe() core.Description { return core.DescribeStore(g.next) }

// Holds reports whether the store below is or holds other.
func (g *guard) Holds(other core.Store) bool { return core.StandsOn(g.next, other) }

// caught makes an error of what recover gave.
func (g *guard) caught(value any, op core.Op, key core.FeatureKey, err *error) {
	if value != nil {
		*err = &core.Error{Op: op, Key: key, Layer: g.name, Err: &PanicError{Value: value, Stack: debug.Stack()}}
	}
}

// guardWrap is layer.Wrap, which may panic too.
func guardWrap(l slot, below core.Store) (s core.Store, err error) {
	defer func() {
		if value := recover(); value != nil {
			s, err = nil, &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return l.layer.Wrap(below)
}
