package resolve

import (
	"context"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/ident"
)

// partitions distributes every side by the hash of the columns that all of
// them have, so that rows which meet are in the same part.
type partitions struct {
	e       *engine
	level   int
	count   int
	files   []*segments // by side
	pending [][]waiting // by side and part
	share   int64       // bytes that one part may hold back
	total   int64
	parts   []int64 // rows of each part
	refs    [][]ref
	hash    []uint64
}

// waiting holds the rows of a part until a segment is worth writing.
type waiting struct {
	batches []arrow.RecordBatch
	bytes   int64
}

// partition opens the files, for as many parts as should each fit in memory.
func (e *engine) partition(level int, used int64, shared []*side) (*partitions, error) {
	// What is already read, and what stores said there is.
	expect := used
	for i, sp := range e.specs {
		if i != e.streams() && shared[i] == nil && sp.info.Rows > 0 && level == 0 {
			expect += sp.info.Rows * (int64(len(sp.versions))*digest + 2*rowBytes)
		}
	}
	count := 8
	for count < 64 && int64(count)*e.opts.budget/6 < expect {
		count *= 2
	}
	p := &partitions{e: e, level: level, count: count, files: make([]*segments, len(e.specs)), pending: make([][]waiting, len(e.specs))}
	p.share = e.opts.budget / 8 / int64(count)
	p.parts = make([]int64, count)
	p.refs = make([][]ref, count)
	for i, sp := range e.specs {
		if shared[i] != nil {
			continue
		}
		f, err := e.spill.create(sp.schema)
		if err != nil {
			p.close()
			return nil, err
		}
		p.files[i], p.pending[i] = f, make([]waiting, count)
	}
	return p, nil
}

// addSides moves what is already in memory to the parts.
func (p *partitions) addSides(ctx context.Context, sides, shared []*side) error {
	for i, s := range sides {
		if s == nil || s == shared[i] {
			continue
		}
		for _, b := range s.blocks {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.add(i, b.rec); err != nil {
				return err
			}
		}
		s.release()
	}
	return nil
}

func (p *partitions) add(side int, rec arrow.RecordBatch) error {
	keys, err := ident.BindKeys(rec, p.e.part)
	if err != nil {
		return invalidf("%s: %w", p.e.specs[side].name, err)
	}
	n := int(rec.NumRows())
	if cap(p.hash) < n {
		p.hash = make([]uint64, n)
	}
	hash := p.hash[:n]
	keys.Hash(hash, 0)
	for i := range p.refs {
		p.refs[i] = p.refs[i][:0]
	}
	shift := 64 - bits.TrailingZeros(uint(p.count))
	for row, h := range hash {
		if keys.HasNulls() && keys.Null(row) {
			continue // meets nothing
		}
		part := rehash(h, p.level) >> shift
		p.refs[part] = append(p.refs[part], makeRef(0, row))
	}
	for part, refs := range p.refs {
		if len(refs) == 0 {
			continue
		}
		columns := make([]arrow.Array, rec.NumCols())
		for c := range columns {
			if columns[c], err = gather(rec.Column(c).DataType(), []arrow.Array{rec.Column(c)}, refs); err != nil {
				return err
			}
		}
		b := newBatch(p.files[side].schema, columns, len(refs))
		p.total += b.NumRows()
		p.parts[part] += b.NumRows()
		w := &p.pending[side][part]
		w.batches = append(w.batches, b)
		if w.bytes += batchBytes(b); w.bytes > p.share {
			if err := p.write(side, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// rehash makes the parts of every level independent of those above and of the
// tables' slots.
func rehash(h uint64, level int) uint64 {
	return bits.RotateLeft64((h^uint64(level+1)*0x9e3779b97f4a7c15)*0xd6e8feb86659fd93, 32) * 0xd6e8feb86659fd93
}

func (p *partitions) write(side, part int) error {
	w := &p.pending[side][part]
	if len(w.batches) == 0 {
		return nil
	}
	b, err := concat(p.files[side].schema, w.batches)
	if err != nil {
		return err
	}
	w.batches, w.bytes = nil, 0
	return p.files[side].write(part, b)
}

// flush writes what is waiting.
func (p *partitions) flush() error {
	for side, parts := range p.pending {
		for part := range parts {
			if err := p.write(side, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *partitions) rows(part int) int64 { return p.parts[part] }

func (p *partitions) inputs(part int) []batches {
	out := make([]batches, len(p.files))
	for i, f := range p.files {
		if f != nil {
			out[i] = f.read(part)
		}
	}
	return out
}

func (p *partitions) close() {
	if p == nil {
		return
	}
	for _, f := range p.files {
		if f != nil {
			f.close()
		}
	}
}
