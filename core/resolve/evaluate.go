package resolve

import (
	"bytes"
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/core/version"
)

// span is how many candidates are looked up at a time: enough to keep memory
// busy, few enough to stay in the cache.
const span = 1024

// worker is what one goroutine needs again and again.
type worker struct {
	e   *engine
	ctx context.Context

	hashers []version.Hasher
	match   [][]ref  // by side
	keysets []keyset // of the current block
	args    [][]byte // upstream versions of one container
	fresh   []byte   // computed versions of one sample
	ends    []int    // of each container within fresh
	differs []bool   // by container
}

// keyset is the driver's key columns as another side sees them.
type keyset struct {
	names []string
	keys  *ident.Keys
	hash  []uint64
}

// result is what a job found, already as batches.
type result struct {
	batches [outputs]arrow.RecordBatch
	counts  core.Stats
	by      []int64
}

// evaluate looks at candidates of one block: cands[stage] drives, the sides
// of earlier stages do not have these samples.
func (w *worker) evaluate(sides []*side, stage int, b *block, rows []int32) (*result, error) {
	e := w.e
	if w.hashers == nil {
		w.start()
	}
	driver := e.cands[stage]
	c := newCollected(e, driver, b, len(rows))
	w.keysets = w.keysets[:0]
	for len(rows) > 0 {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		part := rows[:min(span, len(rows))]
		rows = rows[len(part):]
		if err := w.lookup(sides, stage, b, part); err != nil {
			return nil, err
		}
		for i, row := range part {
			w.sample(sides, driver, b, i, int(row), c)
		}
	}
	return c.result(sides)
}

func (w *worker) start() {
	for _, c := range w.e.containers {
		w.hashers = append(w.hashers, version.SHA256.Compile(c.spec))
	}
	w.match = make([][]ref, len(w.e.specs))
	for i := range w.match {
		w.match[i] = make([]ref, span)
	}
	w.ends = make([]int, len(w.e.containers))
	w.differs = make([]bool, len(w.e.containers))
}

// lookup fills match for these rows of the driver's block.
func (w *worker) lookup(sides []*side, stage int, b *block, rows []int32) error {
	e := w.e
	for i := range w.keysets {
		w.keysets[i].hash = nil
	}
	for at, s := range sides {
		out := w.match[at][:len(rows)]
		if at == e.cands[stage] || slices.Contains(e.cands[:stage], at) || s.count() == 0 {
			for i := range out {
				out[i] = none
			}
			continue
		}
		k, err := w.keyset(b, s.key, rows)
		if err != nil {
			return err
		}
		s.find(k.hash, k.keys, rows, b.start+int64(rows[0]), out)
	}
	return nil
}

// keyset binds and hashes the driver's columns of this name.
func (w *worker) keyset(b *block, names []string, rows []int32) (*keyset, error) {
	at := slices.IndexFunc(w.keysets, func(k keyset) bool { return slices.Equal(k.names, names) })
	if at < 0 {
		keys, err := ident.BindKeys(b.rec, names)
		if err != nil {
			return nil, invalidf("%w", err)
		}
		at = len(w.keysets)
		w.keysets = append(w.keysets, keyset{names: names, keys: keys})
	}
	k := &w.keysets[at]
	if k.hash != nil {
		return k, nil
	}
	first, last := rows[0], rows[len(rows)-1]
	all := make([]uint64, last-first+1)
	k.keys.Hash(all, int(first))
	k.hash = all
	if len(all) > len(rows) {
		for i, row := range rows {
			all[i] = all[row-first]
		}
		k.hash = all[:len(rows)]
	}
	return k, nil
}

// sample decides about one candidate.
func (w *worker) sample(sides []*side, driver int, b *block, i, row int, c *collected) {
	e := w.e
	for at, sp := range e.specs {
		if sp.required && at != driver && w.match[at][i] == none {
			c.missing = append(c.missing, makeRef(0, row))
			w.meet(sides, driver, i, false)
			return
		}
	}
	w.meet(sides, driver, i, true)
	w.compute(sides, driver, b, i, row)
	if e.held < 0 || w.match[e.held][i] == none {
		c.add(&c.fresh, w, i, row)
		return
	}
	if !w.compare(sides[e.held], w.match[e.held][i]) {
		c.counts.Unchanged++
		return
	}
	c.add(&c.stale, w, i, row)
	for at, d := range w.differs {
		if d {
			c.by[at]++
		}
	}
	c.diff = append(c.diff, w.differs...)
}

// meet notes which rows elsewhere this candidate stands for.
func (w *worker) meet(sides []*side, driver, i int, expected bool) {
	for _, at := range w.e.cands {
		if r := w.match[at][i]; at != driver && r != none {
			sides[at].mark(r)
		}
	}
	if h := w.e.held; expected && h >= 0 && w.match[h][i] != none {
		s := sides[h]
		s.mark(w.match[h][i])
		if s.shape == children {
			for n := s.number(w.match[h][i]); s.next[n] != 0; {
				n = int64(s.next[n]) - 1
				s.mark(s.ref(n))
			}
		}
	}
}

// compute fills fresh and ends with the sample's versions.
func (w *worker) compute(sides []*side, driver int, b *block, i, row int) {
	w.fresh = w.fresh[:0]
	for at := range w.e.containers {
		k := &w.e.containers[at]
		w.args = w.args[:0]
		for _, in := range k.inputs {
			w.args = append(w.args, w.upstream(sides[in.side], in, driver, b, i, row))
		}
		if w.e.copies {
			w.fresh = append(w.fresh, w.args[0]...)
		} else {
			w.fresh = w.hashers[at].Append(w.fresh, w.args)
		}
		w.ends[at] = len(w.fresh)
	}
}

// upstream gives the version of an input; what is missing or null is empty.
func (w *worker) upstream(s *side, in input, driver int, b *block, i, row int) []byte {
	if in.side != driver {
		r := w.match[in.side][i]
		if r == none {
			return nil
		}
		b, row = s.blocks[r.block()], r.row()
	}
	if s.shape == grouped {
		return s.groupVersion(in.version, int(b.group[row]))
	}
	v, _ := b.texts[in.version].value(row)
	return v
}

// compare fills differs and reports whether any container differs from what
// is held.
func (w *worker) compare(s *side, r ref) bool {
	stale := false
	for at := range w.differs {
		w.differs[at] = false
	}
	for n := s.number(r); ; {
		b := s.blocks[r.block()]
		from := 0
		for at, to := range w.ends {
			held, ok := b.texts[at].value(r.row())
			if !ok || !bytes.Equal(held, w.fresh[from:to]) {
				w.differs[at], stale = true, true
			}
			from = to
		}
		if s.shape != children || s.next[n] == 0 {
			return stale
		}
		n = int64(s.next[n]) - 1
		r = s.ref(n)
	}
}
