package config

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// The waits of a catalog that cannot be opened.
const (
	openLimit = 30 * time.Second // for one attempt
	firstTurn = time.Second      // until the next attempt; doubled each time
	lastTurn  = time.Minute
	atStart   = 5 * time.Second        // how long opening the store waits
	patience  = 500 * time.Millisecond // how long the call waits that begins an attempt
)

// lateCatalog stands for a catalog that may not be reachable yet: a store with
// one that is down must open and take writes all the same. Calls get the reason
// until an attempt succeeds; attempts are made when something is asked, with
// growing pauses, and go on when the call that began one has gone.
type lateCatalog struct {
	open func(context.Context) (catalog.Catalog, error)

	ctx    context.Context // of attempts; ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex
	cat    catalog.Catalog
	err    error         // of the last attempt
	trying chan struct{} // closed at the end of the attempt under way, nil without one
	turn   time.Duration // the pause after the next attempt that fails
	next   time.Time     // no attempt before
	closed bool
}

var _ catalog.Catalog = (*lateCatalog)(nil)

func newLateCatalog(open func(context.Context) (catalog.Catalog, error)) *lateCatalog {
	l := &lateCatalog{open: open, turn: firstTurn}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// start makes the first attempt when the store is opened. What a mistake in the
// file is the cause of fails it, and so does everything where the catalog is
// required; else a catalog that is down is waited for.
func (l *lateCatalog) start(ctx context.Context, required bool, log *zap.Logger) error {
	wait := atStart
	if required {
		wait = openLimit
	}
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2) // the rest of the store is to be opened too
	}
	_, err := l.get(ctx, wait)
	switch {
	case err == nil:
		return nil
	case required, errors.Is(err, core.ErrInvalid), ctx.Err() != nil:
		return err
	}
	log.Warn("the catalog cannot be used; writes go on and are registered later", zap.Error(err))
	return nil
}

// now opens the catalog if it is not open, whether or not an attempt is due, and
// waits for the outcome.
func (l *lateCatalog) now(ctx context.Context, wait time.Duration) (catalog.Catalog, error) {
	l.mu.Lock()
	l.next, l.err = time.Time{}, nil
	l.mu.Unlock()
	return l.get(ctx, wait)
}

// get gives the open catalog, or why there is none. Only the call that begins an
// attempt waits for it, and whoever comes before the first has taken too long.
func (l *lateCatalog) get(ctx context.Context, wait time.Duration) (catalog.Catalog, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cat, err := l.known(ctx); cat != nil || err != nil {
		return cat, err
	}
	if l.trying == nil {
		l.trying = make(chan struct{})
		go l.attempt(l.trying)
	}
	trying := l.trying
	l.mu.Unlock()
	t := time.NewTimer(wait)
	select {
	case <-trying:
	case <-t.C:
	case <-ctx.Done():
	}
	t.Stop()
	l.mu.Lock()
	if l.cat == nil && l.err == nil && ctx.Err() == nil {
		l.err = fmt.Errorf("%w: the catalog has not answered yet", core.ErrUnavailable)
	}
	if cat, err := l.known(ctx); cat != nil || err != nil {
		return cat, err
	}
	return nil, l.err // an attempt is due again already
}

// known is what there is to say without an attempt; neither: one is to be made
// or waited for.
func (l *lateCatalog) known(ctx context.Context) (catalog.Catalog, error) {
	switch {
	case l.closed:
		return nil, core.ErrClosed
	case l.cat != nil:
		return l.cat, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case l.err != nil && (l.trying != nil || time.Now().Before(l.next)):
		return nil, l.err
	}
	return nil, nil //nolint:nilnil // nothing is known
}

func (l *lateCatalog) attempt(ended chan struct{}) {
	ctx, cancel := context.WithTimeout(l.ctx, openLimit)
	defer cancel()
	cat, err := l.open(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: the catalog did not answer within %s", core.ErrUnavailable, openLimit) // ctx is not the caller's
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trying = nil
	l.cat, l.err = cat, err
	if err != nil {
		l.next = time.Now().Add(l.turn)
		l.turn = min(2*l.turn, lastTurn)
	}
	close(ended)
}

// Close closes the catalog if it was opened, and ends an attempt.
func (l *lateCatalog) Close() error {
	l.mu.Lock()
	first, trying := !l.closed, l.trying
	l.closed = true
	l.mu.Unlock()
	if !first {
		return nil
	}
	l.cancel()
	if trying != nil {
		<-trying
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cat == nil {
		return nil
	}
	return l.cat.Close()
}
