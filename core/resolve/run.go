package resolve

import (
	"context"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
)

// batches is the rows of one side, or of one partition of it.
type batches = iter.Seq2[arrow.RecordBatch, error]

const (
	jobRows  = 1 << 15 // candidates a job
	rowBytes = 32      // table, hash and bookkeeping of a row in memory
	maxLevel = 5       // how often partitions are partitioned again
)

// execute runs the whole join over the sides as their specs read them.
func (e *engine) execute(ctx context.Context) error {
	room := &room{}
	if e.opts.budget > 0 {
		room.limit = e.opts.budget / 8
	}
	e.spill = &spill{dir: e.opts.tempDir}
	for i := range e.sinks {
		e.sinks[i] = &sink{schema: e.schemas[i], room: room, spill: e.spill}
	}
	inputs := make([]batches, len(e.specs))
	for i, sp := range e.specs {
		inputs[i] = sp.read()
	}
	shared, err := e.loadShared(ctx, inputs)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range shared {
			if s != nil {
				s.release()
			}
		}
	}()
	return e.run(ctx, 0, shared, inputs)
}

// streams tells the side that is never in memory as a whole, -1 for none.
func (e *engine) streams() int {
	if first := e.cands[0]; e.specs[first].shape == single && !e.unique {
		return first
	}
	return -1
}

// run joins the inputs, in memory if they fit and else part by part.
func (e *engine) run(ctx context.Context, level int, shared []*side, inputs []batches) error {
	sides := make([]*side, len(e.specs))
	defer func() {
		for i, s := range sides {
			if s != nil && s != shared[i] {
				s.release()
			}
		}
	}()
	stream := e.streams()
	var used int64
	var parts *partitions
	defer func() { parts.close() }()
	var hashing sync.WaitGroup
	defer hashing.Wait()
	slots := make(chan struct{}, e.opts.workers)

	for i, sp := range e.specs {
		if shared[i] != nil {
			sides[i] = shared[i]
			continue
		}
		if i == stream {
			continue
		}
		sides[i] = newSide(sp)
		for rec, err := range inputs[i] {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && parts != nil {
				err = parts.add(i, rec)
			}
			if err != nil {
				return err
			}
			if parts != nil {
				continue
			}
			b, err := sp.newBlock(rec, sides[i].count())
			if err != nil {
				return err
			}
			sides[i].add(b)
			b.hash = make([]uint64, b.rows())
			slots <- struct{}{}
			hashing.Go(func() { b.keys.Hash(b.hash, 0); <-slots })
			used += batchBytes(rec) + rowBytes*rec.NumRows()
			if sides[i].count() >= 1<<32-1 {
				used = 1 << 62
			}
			if !e.mustSpill(level, used) {
				continue
			}
			hashing.Wait()
			if parts, err = e.partition(level, used, shared); err != nil {
				return err
			}
			if err := parts.addSides(ctx, sides, shared); err != nil {
				return err
			}
		}
	}
	hashing.Wait()
	if parts == nil {
		return e.join(ctx, shared, sides, inputs)
	}
	if stream >= 0 {
		for rec, err := range inputs[stream] {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = parts.add(stream, rec)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := parts.flush(); err != nil {
		return err
	}
	for p := range parts.count {
		if parts.rows(p) == 0 {
			continue
		}
		next := level + 1
		if parts.rows(p) == parts.total {
			next = maxLevel // all samples share the partition columns: going on splits nothing
		}
		if err := e.run(ctx, next, shared, parts.inputs(p)); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) mustSpill(level int, used int64) bool {
	return e.opts.budget > 0 && used > e.opts.budget/3 && level < maxLevel && len(e.part) > 0
}
