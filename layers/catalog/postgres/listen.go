package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/metaxy-go/metaxy/core"
)

// channel carries the keys of features that changed.
const channel = "metaxy_catalog"

// The waits between attempts to listen again.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
)

// follow tells forget of every change elsewhere, on a connection of its own,
// until Close. Without that connection copies are not used: first following
// turns false, then all are forgotten.
func (d *db) follow(forget func(core.FeatureKey)) {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	d.listener.Go(func() {
		for wait := firstWait; ctx.Err() == nil; {
			if d.listen(ctx, forget) {
				wait = firstWait
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
				wait = min(2*wait, lastWait)
			}
		}
	})
}

// listen stays until the connection breaks and reports whether there was one.
func (d *db) listen(ctx context.Context, forget func(core.FeatureKey)) bool {
	c, err := pgx.ConnectConfig(ctx, d.pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer func() {
		d.following.Store(false)
		forget("")
		_ = c.Close(context.WithoutCancel(ctx))
	}()
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return false
	}
	forget("")
	d.following.Store(true)
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return true
		}
		forget(core.FeatureKey(n.Payload))
	}
}
