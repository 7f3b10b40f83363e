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

func (c *contender) begin(o *opening) {
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
// and the second is faster. On return both are done, whichever way it ends.
func (s *store) race(ctx context.Context, req core.ReadRequest, schema *arrow.Schema, o *opening, feed func(arrow.RecordBatch) bool) error {
	if s.policy.o.hedge <= 0 {
		return drain(o, feed)
	}
	ctx, cancel := context.WithCancel(ctx)
	var runners sync.WaitGroup
	results := make(chan *contender, 2)
	run := func(f func() (*opening, error)) {
		runners.Go(func() {
			c := &contender{}
			opened, err := f()
			if err != nil {
				c.err, c.ok = err, true
			} else {
				c.begin(opened)
			}
			results <- c
		})
	}
	entered := 1
	run(func() (*opening, error) { return o, nil })
	defer func() {
		cancel()
		o.attempt.cancel(nil)
		runners.Wait()
		close(results)
		for loser := range results {
			loser.end()
		}
	}()

	timer := time.NewTimer(s.policy.o.hedge)
	defer timer.Stop()
	var winner *contender
	for winner == nil {
		select {
		case <-timer.C:
			entered++
			run(func() (*opening, error) { return s.open(ctx, req, schema) })
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
