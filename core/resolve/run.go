package resolve

import (
	"context"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core/ident"
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
		room.limit = e.opts.budget / 4
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
	return e.opts.budget > 0 && used > e.opts.budget/2 && level < maxLevel && len(e.part) > 0
}

// join evaluates the candidates against the sides in memory.
func (e *engine) join(ctx context.Context, shared, sides []*side, inputs []batches) error {
	stream := e.streams()
	for i, s := range sides {
		if i == stream {
			sides[i] = newSide(e.specs[i])
		} else if s != shared[i] {
			if err := e.prepare(ctx, s); err != nil {
				return err
			}
		}
	}
	for stage, at := range e.cands {
		err := e.pipe(ctx, func(ctx context.Context, submit func(job) error) error {
			if at == stream {
				return e.streamed(inputs[at], sides, stage, submit)
			}
			for _, b := range sides[at].blocks {
				rows, err := e.remaining(sides[at], stage, b)
				if err != nil {
					return err
				}
				if err := submitRows(submit, sides, stage, b, rows); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if e.held < 0 {
		return nil
	}
	return e.orphans(ctx, sides[e.held])
}

// prepare makes a loaded side ready to be looked up.
func (e *engine) prepare(ctx context.Context, s *side) error {
	s.seal()
	if e.unique && s.spec == e.specs[e.cands[0]] {
		if err := s.indexUnique(s.sampleNumber); err != nil {
			return err
		}
	}
	if s.shape == single {
		return nil
	}
	s.index()
	if s.shape != grouped || len(s.versions) == 0 {
		return nil
	}
	leads := s.leaders()
	views := make([]*ident.View, len(s.blocks))
	for i, b := range s.blocks {
		v, err := ident.Bind(b.rec, s.order)
		if err != nil {
			return invalidf("%s: %w", s.name, err)
		}
		views[i] = v
	}
	spans := (len(leads) + groupSpan - 1) / groupSpan
	s.texts = make([]groupTexts, spans*len(s.versions))
	return e.pipe(ctx, func(ctx context.Context, submit func(job) error) error {
		for i := range spans {
			err := submit(func(*worker) (*result, error) {
				s.hashGroups(leads, i*groupSpan, min(len(leads), (i+1)*groupSpan), views, s.texts[i*len(s.versions):(i+1)*len(s.versions)])
				return nil, ctx.Err()
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// streamed evaluates a side that is not kept.
func (e *engine) streamed(rows batches, sides []*side, stage int, submit func(job) error) error {
	var start int64
	sp := e.specs[e.cands[stage]]
	for rec, err := range rows {
		if err != nil {
			return err
		}
		b, err := sp.newBlock(rec, start)
		if err != nil {
			return err
		}
		start += rec.NumRows()
		if err := submitRows(submit, sides, stage, b, allRows(b)); err != nil {
			b.release()
			return err
		}
		b.release()
	}
	return nil
}

// submitRows cuts a block's candidates into jobs. Each keeps the block alive.
func submitRows(submit func(job) error, sides []*side, stage int, b *block, rows []int32) error {
	for len(rows) > 0 {
		part := rows[:min(jobRows, len(rows))]
		rows = rows[len(part):]
		b.rec.Retain()
		err := submit(func(w *worker) (*result, error) {
			defer b.rec.Release()
			return w.evaluate(sides, stage, b, part)
		})
		if err != nil {
			b.rec.Release()
			return err
		}
	}
	return nil
}

// allRows lists the rows of a block that have a whole key.
func allRows(b *block) []int32 {
	rows := make([]int32, 0, b.rows())
	for i := range b.rows() {
		if !b.keys.HasNulls() || !b.keys.Null(i) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// remaining lists the candidates of a loaded block that no earlier stage met.
func (e *engine) remaining(s *side, stage int, b *block) ([]int32, error) {
	rows := b.leads
	if s.shape != grouped {
		rows = allRows(b)
	}
	kept := make([]int32, 0, len(rows))
	var pass *array.Boolean
	if e.filter != nil && stage == 0 {
		var err error
		if pass, err = e.filter.Eval(b.rec, mem); err != nil {
			return nil, invalidf("%w", err)
		}
		defer pass.Release()
	}
	for _, row := range rows {
		if s.marked(b.start+int64(row)) || pass != nil && (pass.IsNull(int(row)) || !pass.Value(int(row))) {
			continue
		}
		kept = append(kept, row)
	}
	return kept, nil
}

// orphans lists the held rows that no expected sample met.
func (e *engine) orphans(ctx context.Context, s *side) error {
	return e.pipe(ctx, func(ctx context.Context, submit func(job) error) error {
		for at, b := range s.blocks {
			err := submit(func(*worker) (*result, error) {
				var rows []ref
				for i := range b.rows() {
					if !s.marked(b.start + int64(i)) {
						rows = append(rows, makeRef(at, i))
					}
				}
				if len(rows) == 0 {
					return nil, ctx.Err()
				}
				r := &result{}
				r.counts.Orphaned = int64(len(rows))
				columns := make([]arrow.Array, 0, 4)
				for _, f := range e.schemas[outOrphaned].Fields() {
					arr, err := gather(f.Type, s.column(f.Name), rows)
					if err != nil {
						return nil, err
					}
					columns = append(columns, arr)
				}
				r.batches[outOrphaned] = newBatch(e.schemas[outOrphaned], columns, len(rows))
				return r, ctx.Err()
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
