package sqlpolicy

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is where PostgreSQL's trigger tells of changes.
const channel = "metaxy_policy"

// How long the listener waits before it connects again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// listener waits for changes that are made elsewhere.
type listener struct {
	mu      sync.Mutex
	changed []func()
	started bool
	running sync.WaitGroup
}

// Notify is rbac.Notifier's. On PostgreSQL a connection listens from the first
// call on; SQLite tells nothing, so that changes are seen with the next look.
func (a *Adapter) Notify(changed func()) {
	l := &a.listen
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = append(l.changed, changed)
	if !l.started && a.h.kind == postgres && a.ctx.Err() == nil {
		l.started = true
		l.running.Go(func() { a.hear(a.ctx) })
	}
}

func (l *listener) tell() {
	l.mu.Lock()
	all := l.changed[:len(l.changed):len(l.changed)]
	l.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// wait returns when nobody is told any more.
func (l *listener) wait() {
	l.mu.Lock()
	l.started = true // and none begins now
	l.mu.Unlock()
	l.running.Wait()
}

// hear listens until ctx ends, and connects again when the connection is lost.
func (a *Adapter) hear(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		if a.hearOnce(ctx) {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// hearOnce listens on one connection until it is lost, and says whether there
// was one.
func (a *Adapter) hearOnce(ctx context.Context) bool {
	connecting, done := context.WithTimeout(ctx, a.h.o.timeout)
	defer done()
	conn, err := pgx.Connect(connecting, a.h.where)
	if err != nil {
		return false
	}
	defer func() {
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+channel); err != nil {
		return false
	}
	for {
		a.listen.tell() // also of what was missed before
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return true
		}
	}
}
