package resolve

import (
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// shape says how many rows of a side have the same key.
type shape uint8

const (
	single   shape = iota // one
	grouped               // many that stand behind one sample: an aggregation
	children              // many samples held for one parent
)

// spec is what does not change about one side of the join: an upstream, the
// samples a caller brought, or what the feature holds.
type spec struct {
	name     string   // for messages
	key      []string // columns, by their names here, on which it meets the others
	shape    shape
	required bool
	drives   bool                          // has the whole resolve key
	versions []string                      // containers that are read
	carry    []string                      // columns that the answer carries
	order    []string                      // grouped: the upstream's id columns, which order a group
	numbered bool                          // the rows carry colRow
	check    func(arrow.RecordBatch) error // of each batch as it comes, or nil
	rows     core.Rows
	columns  []int // of rows.Schema, in the order of schema
	schema   *arrow.Schema
	info     core.Info
}

// side is the rows of a spec (or of one partition of them) in memory.
type side struct {
	*spec
	blocks []*block
	starts []int64 // number of each block's first row, and the total
	hints  []int32 // block of every 1024th row

	build   sync.Once
	slots   []uint64 // upper half of the hash, row number + 1
	next    []uint32 // not single: the following row of the same key + 1
	groups  int      // grouped: how many
	texts   []groupTexts
	matched []uint32 // a bit a row
	drift   atomic.Int64
}

// block is one batch of a side with what is computed of it.
type block struct {
	rec   arrow.RecordBatch
	start int64 // number of its first row
	keys  *ident.Keys
	hash  []uint64
	texts []textColumn
	group []int32 // grouped: the group of each row that leads one
	leads []int32 // grouped: the rows that lead a group
}

// newBlock binds a batch, which workers are going to share. It retains the batch; release gives it back.
func (sp *spec) newBlock(rec arrow.RecordBatch, start int64) (*block, error) {
	core.Share(rec)
	b := &block{rec: rec, start: start}
	var err error
	if b.keys, err = ident.BindKeys(rec, sp.key); err != nil {
		return nil, invalidf("%s: %w", sp.name, err)
	}
	if b.texts, err = bindVersions(rec, sp.versions); err != nil {
		return nil, invalidf("%s: %w", sp.name, err)
	}
	rec.Retain()
	return b, nil
}

func (b *block) release() { b.rec.Release() }

func (b *block) rows() int { return int(b.rec.NumRows()) }

// add takes a block whose hashes are still to be computed.
func (s *side) add(b *block) {
	s.blocks = append(s.blocks, b)
	s.starts[len(s.starts)-1] = b.start
	s.starts = append(s.starts, b.start+int64(b.rows()))
}

func newSide(sp *spec) *side { return &side{spec: sp, starts: []int64{0}} }

func (s *side) count() int64 { return s.starts[len(s.starts)-1] }

func (s *side) release() {
	for _, b := range s.blocks {
		b.release()
	}
	s.blocks = nil
}

const hintShift = 10

// seal is called when all blocks are there.
func (s *side) seal() {
	n := s.count()
	s.matched = make([]uint32, (n+31)/32)
	s.hints = make([]int32, n>>hintShift+1)
	at := 0
	for h := range s.hints {
		row := int64(h) << hintShift
		for at+1 < len(s.blocks) && row >= s.starts[at+1] {
			at++
		}
		s.hints[h] = int32(at)
	}
}

// ref finds the block of a row number.
func (s *side) ref(row int64) ref {
	at := int(s.hints[row>>hintShift])
	for row >= s.starts[at+1] {
		at++
	}
	return makeRef(at, int(row-s.starts[at]))
}

func (s *side) number(r ref) int64 { return s.starts[r.block()] + int64(r.row()) }

// mark notes that a row was met.
func (s *side) mark(r ref) {
	n := s.number(r)
	bit := uint32(1) << (n & 31)
	if word := &s.matched[n>>5]; atomic.LoadUint32(word)&bit == 0 {
		atomic.OrUint32(word, bit)
	}
}

func (s *side) marked(row int64) bool { return s.matched[row>>5]&(1<<(row&31)) != 0 }

// column lists one column block by block.
func (s *side) column(name string) []arrow.Array {
	if s.missing() {
		return nil
	}
	at := s.schema.FieldIndices(name)[0]
	out := make([]arrow.Array, len(s.blocks))
	for i, b := range s.blocks {
		out[i] = b.rec.Column(at)
	}
	return out
}
