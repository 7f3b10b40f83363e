package retry

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// contender is one of two reads that race for the first batch. It is pulled, so
// that the loser can be stopped where it stands and give back what it holds.
type contender struct {
	opening *opening
	next    func() (arrow.RecordBatch, error, bool)
	stop    func()
	batch   arrow.RecordBatch // the first, valid until next is called again
	err     error
	ok      bool // batch and err are set
}

func (c *contender) begin(o *opening, err error) {
	if err != nil {
		c.err, c.ok = err, true
		return
	}
	c.opening = o
	c.next, c.stop = iter.Pull2(o.rows.All())
	c.batch, c.err, c.ok = c.next()
	if c.err != nil {
		c.err = o.attempt.verdict(c.err)
	}
	o.attempt.settle()
}

func (c *contender) end() {
	if c.stop != nil {
		c.stop()
	}
	if c.opening != nil {
		c.opening.attempt.end()
	}
}

// race feeds the batches of o or, with hedging, of a second read when o is slow
// and the second is faster. The slower one ends at once, and on return both are
// done, whichever way it ends.
func (s *store) race(ctx context.Context, req core.ReadRequest, schema *arrow.Schema, o *opening, feed func(arrow.RecordBatch) bool) error {
	if s.policy.o.hedge <= 0 {
		return drain(o, feed)
	}
	var runners sync.WaitGroup
	defer runners.Wait()
	second, cancel := context.WithCancel(ctx)
	defer cancel()
	results, decided := make(chan *contender), make(chan struct{})
	run := func(open func() (*opening, error)) *contender {
		c := &contender{}
		runners.Go(func() {
			c.begin(open())
			select {
			case results <- c:
			case <-decided:
				c.end()
			}
		})
		return c
	}
	first := run(func() (*opening, error) { return o, nil })

	timer := time.NewTimer(s.policy.o.hedge)
	defer timer.Stop()
	entered := 1
	var winner *contender
	for winner == nil {
		select {
		case <-timer.C:
			entered++
			run(func() (*opening, error) { return s.open(second, req, schema) })
		case c := <-results:
			entered--
			if entered > 0 && (retryable(ctx, c.err) || errors.Is(c.err, errChanged)) {
				c.end() // the other may still succeed
				continue
			}
			winner = c
		}
	}
	defer winner.end()
	close(decided)
	if winner == first {
		cancel()
	} else {
		o.attempt.cancel(nil)
	}
	return winner.feed(feed)
}

// feed hands out the first batch and everything after it.
func (c *contender) feed(feed func(arrow.RecordBatch) bool) error {
	for ; c.ok; c.batch, c.err, c.ok = c.next() {
		if c.err != nil {
			return c.err
		}
		if !feed(c.batch) {
			return nil
		}
	}
	return nil
}
