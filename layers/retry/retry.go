// Package retry is a layer that tries again what failed because storage could
// not be reached, and only that.
//
// An operation is repeated on core.ErrUnavailable, with exponential backoff and
// jitter. Denials, bad requests and integrity failures are final at once. A
// write is repeated under one id, so however often it is sent there is at most
// one commit; an id that this layer invents is not shown above it. Rows are replayed only where they are Replayable, and a read is
// repeated only until its first batch was handed out. A circuit breaker stops
// asking a store that keeps failing; hedging sends a second read when the first
// is slow.
package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Name is the layer's name in descriptions and errors.
const Name = "retry"

// Defaults of the options.
const (
	DefaultAttempts = 4
	DefaultFirst    = 50 * time.Millisecond
	DefaultMost     = 2 * time.Second
)

// Retry is the layer. It may wrap several stores; each gets a breaker of its own.
type Retry struct {
	o      options
	counts counts
}

var _ core.Layer = (*Retry)(nil)

// New makes the layer. Wrong options are reported by Wrap, all at once.
func New(opts ...Option) *Retry {
	r := &Retry{o: options{attempts: DefaultAttempts, first: DefaultFirst, most: DefaultMost}}
	for _, set := range opts {
		if set != nil {
			set(&r.o)
		}
	}
	return r
}

// Info describes the layer.
func (r *Retry) Info() core.LayerInfo {
	return core.LayerInfo{Name: Name, Phase: core.PhaseResilience, Summary: r.o.summary()}
}

// Wrap makes the store. Options that make no sense match core.ErrInvalid.
func (r *Retry) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%w: %s: there is no store to wrap", core.ErrInvalid, Name)
	}
	if err := r.o.check(); err != nil {
		return nil, err
	}
	return &store{next: next, policy: newPolicy(r.o, &r.counts)}, nil
}

// Option sets a choice of New. Options commute.
type Option func(*options)

type options struct {
	attempts    int
	first, most time.Duration
	timeout     time.Duration
	hedge       time.Duration
	failures    int
	pause       time.Duration
	breaks      bool
	onRetry     func(Event)
}

// Event is one attempt that failed and will be repeated.
type Event struct {
	Op      core.Op
	Key     core.FeatureKey
	Attempt int // that failed, from 1
	Err     error
}

// Attempts is how often an operation is tried in all; DefaultAttempts without it.
func Attempts(n int) Option { return func(o *options) { o.attempts = n } }

// Backoff is the pause before the second attempt, doubled before each further
// one up to most. A random part of up to a half is added or taken away, so that
// clients that failed together do not return together.
func Backoff(first, most time.Duration) Option {
	return func(o *options) { o.first, o.most = first, most }
}

// Timeout bounds each attempt; no bound without it. Of a read it bounds the
// time to the first batch: an attempt that has begun to give rows may go on.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Breaker stops asking the store below after so many failed attempts in a row.
// Operations then fail with core.ErrUnavailable at once, until the pause is
// over and a single attempt succeeds. Whether a read succeeds is known in the
// loop over its rows. A caller whose context ends has learned nothing and counts
// as neither, so a store that may hang wants a Timeout.
func Breaker(failures int, pause time.Duration) Option {
	return func(o *options) { o.failures, o.pause, o.breaks = failures, pause, true }
}

// Hedge reads a second time when the first batch has not come after d, and
// takes whichever comes first.
func Hedge(d time.Duration) Option { return func(o *options) { o.hedge = d } }

// OnRetry is called before each pause, for a counter or a log line. It must
// not block.
func OnRetry(f func(Event)) Option { return func(o *options) { o.onRetry = f } }

func (o options) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s: "+format, append([]any{core.ErrInvalid, Name}, args...)...))
	}
	if o.attempts < 1 {
		bad("attempts is %d, want 1 or more", o.attempts)
	}
	if o.first <= 0 || o.most < o.first {
		bad("backoff from %s to %s, want a positive first pause and a most that is no shorter", o.first, o.most)
	}
	if o.timeout < 0 || o.hedge < 0 {
		bad("a negative duration (timeout %s, hedge %s)", o.timeout, o.hedge)
	}
	if o.breaks && (o.failures < 1 || o.pause <= 0) {
		bad("breaker after %d failures for %s, want positive numbers", o.failures, o.pause)
	}
	return errors.Join(errs...)
}

func (o options) summary() string {
	s := fmt.Sprintf("%d attempts, backoff %s to %s", o.attempts, o.first, o.most)
	if o.timeout > 0 {
		s += fmt.Sprintf(", %s each", o.timeout)
	}
	if o.breaks {
		s += fmt.Sprintf(", breaker after %d for %s", o.failures, o.pause)
	}
	if o.hedge > 0 {
		s += ", hedged after " + o.hedge.String()
	}
	return s
}
