package compose_test

import (
	"context"
	"fmt"
	"iter"

	"github.com/metaxy-go/metaxy/core"
)

// fake is a base that notes what reaches it.
type fake struct {
	name     string
	seen     []string
	order    *[]string
	closed   int
	closeErr error
}

func (f *fake) note(format string, args ...any) {
	f.seen = append(f.seen, fmt.Sprintf(format, args...))
}

func (f *fake) Write(_ context.Context, r core.WriteRequest) (core.Commit, error) {
	f.note("write:%s", r.ID)
	return core.Commit{}, nil
}

func (f *fake) Read(_ context.Context, r core.ReadRequest) (core.Rows, error) {
	f.note("read:%s", r.Key)
	return core.Rows{}, nil
}

func (f *fake) Resolve(_ context.Context, r core.ResolveRequest) (core.Increment, error) {
	f.note("resolve:%v", r.Columns)
	return core.Increment{}, nil
}

func (f *fake) List(_ context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	f.note("list:%s", r.Prefix)
	return func(func(core.Info, error) bool) {}
}

func (f *fake) Stat(_ context.Context, r core.StatRequest) (core.Info, error) {
	f.note("stat:%s", r.Key)
	return core.Info{}, nil
}

func (f *fake) Evolve(_ context.Context, r core.EvolveRequest) (core.Info, error) {
	f.note("evolve:%s", r.Key)
	return core.Info{}, nil
}

func (f *fake) Capabilities() core.Capabilities { return core.Capabilities{Durable: true} }

func (f *fake) Close() error {
	f.closed++
	if f.order != nil {
		*f.order = append(*f.order, f.name)
	}
	return f.closeErr
}

// layer is any layer.
type layer struct {
	info core.LayerInfo
	wrap func(core.Store) (core.Store, error)
}

func (l layer) Info() core.LayerInfo                     { return l.info }
func (l layer) Wrap(next core.Store) (core.Store, error) { return l.wrap(next) }

func transparent(name string, p core.Phase) core.Layer {
	return with(core.LayerInfo{Name: name, Phase: p})
}

func with(info core.LayerInfo) core.Layer {
	if info.Phase.Enforcing() {
		return layer{info, func(n core.Store) (core.Store, error) { return &strict{next: n}, nil }}
	}
	return layer{info, func(n core.Store) (core.Store, error) { return &pass{next: n}, nil }}
}

func enforcing(name string, p core.Phase) core.Layer {
	return with(core.LayerInfo{Name: name, Phase: p})
}

func closing(name string, p core.Phase, order *[]string, err error) core.Layer {
	return layer{core.LayerInfo{Name: name, Phase: p}, func(n core.Store) (core.Store, error) {
		return &pass{next: n, closed: func() error { *order = append(*order, name); return err }}, nil
	}}
}

// pass hands everything on.
type pass struct {
	next   core.Store
	closed func() error
}

func (p *pass) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	return p.next.Write(ctx, r)
}

func (p *pass) Read(ctx context.Context, r core.ReadRequest) (core.Rows, error) {
	return p.next.Read(ctx, r)
}

func (p *pass) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	return p.next.Resolve(ctx, r)
}

func (p *pass) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	return p.next.List(ctx, r)
}

func (p *pass) Stat(ctx context.Context, r core.StatRequest) (core.Info, error) {
	return p.next.Stat(ctx, r)
}

func (p *pass) Evolve(ctx context.Context, r core.EvolveRequest) (core.Info, error) {
	return p.next.Evolve(ctx, r)
}

func (p *pass) Capabilities() core.Capabilities { return p.next.Capabilities() }

func (p *pass) Close() error { return closeBy(p.closed) }

func closeBy(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// strict is pass, built the way enforcing layers must be.
type strict struct {
	core.Strict
	next   core.Store
	closed func() error
}

var _ core.EnforcingStore = (*strict)(nil)

func (s *strict) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	return s.next.Write(ctx, r)
}

func (s *strict) Read(ctx context.Context, r core.ReadRequest) (core.Rows, error) {
	return s.next.Read(ctx, r)
}

func (s *strict) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	return s.next.Resolve(ctx, r)
}

func (s *strict) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	return s.next.List(ctx, r)
}

func (s *strict) Stat(ctx context.Context, r core.StatRequest) (core.Info, error) {
	return s.next.Stat(ctx, r)
}

func (s *strict) Evolve(ctx context.Context, r core.EvolveRequest) (core.Info, error) {
	return s.next.Evolve(ctx, r)
}

func (s *strict) Capabilities() core.Capabilities { return s.next.Capabilities() }
func (s *strict) Close() error                    { return closeBy(s.closed) }
