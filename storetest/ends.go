package storetest

import (
	"context"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

// ending is a context that ends while it is looked at for the nth time. Unlike a
// timer it comes upon every place where a store asks whether to go on, the same
// ones each time.
type ending struct {
	context.Context
	end  context.CancelFunc
	left atomic.Int64
}

func endingAt(ctx context.Context, n int) *ending {
	c := &ending{}
	c.Context, c.end = context.WithCancel(ctx)
	c.left.Store(int64(n))
	return c
}

func (c *ending) look() {
	if c.left.Add(-1) == 0 {
		c.end()
	}
}

func (c *ending) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

func (c *ending) Err() error {
	c.look()
	return c.Context.Err()
}

// reached says whether the context was looked at so often.
func (c *ending) reached() bool { return c.left.Load() <= 0 }

// endings bounds the places that a call is ended at. They lie close together at
// first and farther apart later, so that long calls are gone through as well.
const endings = 120

// x8 ends each operation at one place after another until it has none left. An
// error is the context's and the operation has done nothing; and whatever it
// left half done inside the store is in nobody's way afterwards.
func x8(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 5)...)
	e.writeResolved(s, KeyCrop)
	generation := e.stat(s, KeyVideo).Generation
	calls := map[core.Op]func(ctx context.Context) error{
		core.OpWrite: func(ctx context.Context) error {
			_, err := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), videos(0, 5)...)})
			if err == nil {
				generation++
			}
			return err
		},
		core.OpRead: func(ctx context.Context) error {
			rows, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo})
			if err == nil {
				_, err = rows.Count()
			}
			return err
		},
		core.OpResolve: func(ctx context.Context) error {
			inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyCrop)})
			if err == nil {
				_, err = inc.Stale.Count()
			}
			return err
		},
		core.OpList: func(ctx context.Context) (last error) {
			for _, err := range s.List(ctx, core.ListRequest{}) {
				last = err
			}
			return last
		},
		core.OpStat: func(ctx context.Context) error {
			_, err := s.Stat(ctx, core.StatRequest{Key: KeyVideo, Commits: -1})
			return err
		},
	}
	for _, op := range []core.Op{core.OpStat, core.OpList, core.OpRead, core.OpResolve, core.OpWrite} {
		n := 1
		for range endings {
			ctx := endingAt(e.ctx(), n)
			err := calls[op](ctx)
			ctx.end()
			if got := sentinelOf(err); err != nil && got != context.Canceled.Error() {
				e.Errorf("%s whose context ends at look %d: error matches %q, want the context's: %v", op, n, got, err)
			}
			if info := e.stat(s, KeyVideo); info.Generation != generation {
				e.Fatalf("%s whose context ends at look %d ended with %v, and the generation is %d, want %d", op, n, err, info.Generation, generation)
			}
			if got := len(e.read(s, core.ReadRequest{Key: KeyVideo})); got != 5 {
				e.Fatalf("after a %s whose context ended at look %d there are %d samples, want 5", op, n, got)
			}
			if !ctx.reached() {
				break
			}
			n += 1 + n/24
		}
	}
	e.writeVideos(s, videos(0, 6)...)
}
