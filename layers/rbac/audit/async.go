package audit

import (
	"context"
	"fmt"
	"sync"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// PartDropped is the Event.Part of an event that Async makes itself: Rows says
// how many events about reads the queue had no room for.
const PartDropped = "dropped"

// Async records what is about permitted reads in the background, so that reads
// do not wait. Everything else, and every denial, is recorded as before.
//
// The queue is bounded. What finds it full is dropped, counted, and told in the
// trail by an event of its own as soon as there is room. That is the price of
// not waiting: the calls themselves are not refused. They are once the
// background meets an error: until a record succeeds again, Record tries
// at once and returns what it gets.
type Async struct {
	next  rbac.Recorder
	queue chan rbac.Event
	done  chan struct{}

	mu      sync.Mutex
	dropped int64 // in all
	untold  int64 // of these, not yet in the trail
	failed  bool
	closed  bool
}

var _ rbac.Recorder = (*Async)(nil)

// NewAsync puts a queue of this many events before next. Close ends it, and
// does not close next.
func NewAsync(next rbac.Recorder, capacity int) (*Async, error) {
	if next == nil || capacity < 1 {
		return nil, fmt.Errorf("audit: %w: a queue needs a recorder behind it and room for one event", core.ErrInvalid)
	}
	a := &Async{next: next, queue: make(chan rbac.Event, capacity), done: make(chan struct{})}
	go a.run()
	return a, nil
}

// Record is rbac.Recorder's.
func (a *Async) Record(ctx context.Context, e rbac.Event) error {
	if !harmless(e) {
		return a.direct(ctx, e)
	}
	a.mu.Lock()
	if a.closed || a.failed {
		a.mu.Unlock()
		return a.direct(ctx, e)
	}
	defer a.mu.Unlock()
	select {
	case a.queue <- e:
	default:
		a.dropped++
		a.untold++
	}
	return nil
}

// direct records at once; a success ends a failure.
func (a *Async) direct(ctx context.Context, e rbac.Event) error {
	a.mu.Lock()
	closed := a.closed
	a.mu.Unlock()
	if closed {
		return errClosed
	}
	err := a.next.Record(ctx, e)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = err != nil
	return err
}

func (a *Async) run() {
	defer close(a.done)
	ctx := context.Background()
	for e := range a.queue {
		err := a.next.Record(ctx, e)
		a.mu.Lock()
		if err != nil {
			a.failed = true
			a.dropped++
			a.untold++
		}
		a.mu.Unlock()
		if err == nil {
			a.tell(ctx)
		}
	}
	a.tell(ctx)
}

// tell puts into the trail what was dropped.
func (a *Async) tell(ctx context.Context) {
	a.mu.Lock()
	n := a.untold
	a.untold = 0
	a.mu.Unlock()
	if n == 0 {
		return
	}
	if err := a.next.Record(ctx, rbac.Event{Part: PartDropped, Rows: n}); err != nil {
		a.mu.Lock()
		a.untold += n
		a.failed = true
		a.mu.Unlock()
	}
}

// Dropped counts the events that were not recorded.
func (a *Async) Dropped() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dropped
}

// Close records what is queued and ends the queue. It is idempotent; Record then
// reports core.ErrClosed.
func (a *Async) Close() error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.queue)
	}
	a.mu.Unlock()
	<-a.done
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.untold > 0 {
		return fmt.Errorf("audit: %w: %d events were dropped and the trail does not tell", core.ErrUnavailable, a.untold)
	}
	return nil
}
