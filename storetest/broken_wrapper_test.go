package storetest_test

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// broken is a store over another whose methods can be replaced one by one.
type broken struct {
	next core.Store

	write        func(ctx context.Context, req core.WriteRequest) (core.Commit, error)
	read         func(ctx context.Context, req core.ReadRequest) (core.Rows, error)
	resolve      func(ctx context.Context, req core.ResolveRequest) (core.Increment, error)
	list         func(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error]
	stat         func(ctx context.Context, req core.StatRequest) (core.Info, error)
	evolve       func(ctx context.Context, req core.EvolveRequest) (core.Info, error)
	capabilities func() core.Capabilities
	close        func() error
}

var _ core.Store = (*broken)(nil)

func (b *broken) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if b.write != nil {
		return b.write(ctx, req)
	}
	return b.next.Write(ctx, req)
}

func (b *broken) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	if b.read != nil {
		return b.read(ctx, req)
	}
	return b.next.Read(ctx, req)
}

func (b *broken) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if b.resolve != nil {
		return b.resolve(ctx, req)
	}
	return b.next.Resolve(ctx, req)
}

func (b *broken) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	if b.list != nil {
		return b.list(ctx, req)
	}
	return b.next.List(ctx, req)
}

func (b *broken) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	if b.stat != nil {
		return b.stat(ctx, req)
	}
	return b.next.Stat(ctx, req)
}

func (b *broken) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if b.evolve != nil {
		return b.evolve(ctx, req)
	}
	return b.next.Evolve(ctx, req)
}

func (b *broken) Capabilities() core.Capabilities {
	if b.capabilities != nil {
		return b.capabilities()
	}
	return b.next.Capabilities()
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.next.Close()
}

// breakWrite, and its like, make a broken store of one replaced method.
func breakWrite(f func(next core.Store, ctx context.Context, req core.WriteRequest) (core.Commit, error)) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, write: func(ctx context.Context, req core.WriteRequest) (core.Commit, error) { return f(next, ctx, req) }}
	}
}

func breakRead(f func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error)) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, read: func(ctx context.Context, req core.ReadRequest) (core.Rows, error) { return f(next, ctx, req) }}
	}
}

func breakResolve(f func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error)) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, resolve: func(ctx context.Context, req core.ResolveRequest) (core.Increment, error) { return f(next, ctx, req) }}
	}
}

func breakStat(f func(next core.Store, ctx context.Context, req core.StatRequest) (core.Info, error)) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, stat: func(ctx context.Context, req core.StatRequest) (core.Info, error) { return f(next, ctx, req) }}
	}
}

func breakEvolve(f func(next core.Store, ctx context.Context, req core.EvolveRequest) (core.Info, error)) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, evolve: func(ctx context.Context, req core.EvolveRequest) (core.Info, error) { return f(next, ctx, req) }}
	}
}

func breakList(f func(next core.Store, ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error]) func(core.Store) core.Store {
	return func(next core.Store) core.Store {
		return &broken{next: next, list: func(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] { return f(next, ctx, req) }}
	}
}

// mapRows replaces the sequence of an answer.
func mapRows(rows core.Rows, f func(seq iter.Seq2[arrow.RecordBatch, error], yield func(arrow.RecordBatch, error) bool)) core.Rows {
	seq := rows.All()
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) { f(seq, yield) }
	return rows
}
