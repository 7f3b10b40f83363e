package resolve

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core/ident"
)

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
