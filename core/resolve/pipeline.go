package resolve

import (
	"context"
	"sync"
)

// job does a part of the work on one goroutine.
type job func(w *worker) (*result, error)

type outcome struct {
	res *result
	err error
}

// pipe runs the jobs that produce submits on e's workers and collects their
// results in the order of submission. It returns after every goroutine ended,
// with the first error in that order.
func (e *engine) pipe(ctx context.Context, produce func(ctx context.Context, submit func(job) error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	type task struct {
		do   job
		done chan outcome
	}
	tasks := make(chan task)
	order := make(chan chan outcome, 2*e.opts.workers)

	var workers, collector sync.WaitGroup
	for range e.opts.workers {
		workers.Go(func() {
			w := &worker{e: e, ctx: ctx}
			for t := range tasks {
				res, err := t.do(w)
				t.done <- outcome{res, err}
			}
		})
	}
	var failed error
	collector.Go(func() {
		for done := range order {
			o := <-done
			if failed != nil {
				continue
			}
			if o.err == nil && o.res != nil {
				o.err = e.accept(o.res)
			}
			if o.err != nil {
				failed = o.err
				cancel()
			}
		}
	})

	err := produce(ctx, func(do job) error {
		done := make(chan outcome, 1)
		select {
		case order <- done:
		case <-ctx.Done():
			return ctx.Err()
		}
		tasks <- task{do, done}
		return nil
	})
	close(tasks)
	close(order)
	workers.Wait()
	collector.Wait()
	if failed != nil {
		return failed
	}
	return err
}

// accept takes a result into the answer.
func (e *engine) accept(r *result) error {
	e.count(r)
	for i, batch := range r.batches {
		if batch == nil {
			continue
		}
		if err := e.sinks[i].add(batch); err != nil {
			return err
		}
	}
	return nil
}
