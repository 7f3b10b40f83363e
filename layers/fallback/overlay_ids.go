package fallback

import (
	"hash/maphash"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// idSet is a set of ids that keeps 128 bits of a seeded hash of each, not the
// id: an open-addressing table without pointers, at most three quarters full.
type idSet struct {
	slots [][2]uint64 // the zero value is an empty slot
	used  int
}

func newIDSet() *idSet { return &idSet{slots: make([][2]uint64, 64)} }

func (s *idSet) has(h [2]uint64) bool { return s.slots[s.find(h)] == h }

func (s *idSet) add(h [2]uint64) {
	if at := s.find(h); s.slots[at] != h {
		s.slots[at] = h
		if s.used++; 4*s.used > 3*len(s.slots) {
			s.grow()
		}
	}
}

// find gives the slot that holds h, or the empty one where it belongs.
func (s *idSet) find(h [2]uint64) uint64 {
	last := uint64(len(s.slots) - 1)
	at := h[0] & last
	for s.slots[at] != h && s.slots[at] != [2]uint64{} {
		at = (at + 1) & last
	}
	return at
}

func (s *idSet) grow() {
	old := s.slots
	s.slots = make([][2]uint64, 2*len(old))
	for _, h := range old {
		if h != [2]uint64{} {
			s.slots[s.find(h)] = h
		}
	}
}

// hasher hashes ids by their canonical text, so that an id has one hash
// whatever store and encoding it comes from. The seeds are secret: nobody can
// choose ids that collide.
type hasher struct {
	ids   []string
	seeds [2]maphash.Seed
	text  []byte
}

func newHasher(ids []string) *hasher {
	return &hasher{ids: ids, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// each calls visit with the hash of each row's id.
func (h *hasher) each(b arrow.RecordBatch, visit func(row int, id [2]uint64)) error {
	view, err := ident.Bind(b, h.ids)
	if err != nil {
		return err
	}
	for row := range view.Rows() {
		h.text = view.AppendText(h.text[:0], row)
		id := [2]uint64{maphash.Bytes(h.seeds[0], h.text), maphash.Bytes(h.seeds[1], h.text)}
		if id == [2]uint64{} {
			id[1] = 1
		}
		visit(row, id)
	}
	return nil
}

// load gives the ids of the rows that none of the sets has.
func (h *hasher) load(rows core.Rows, above []*idSet) (*idSet, error) {
	own := newIDSet()
	for b, err := range rows.All() {
		if err == nil {
			err = h.each(b, func(_ int, id [2]uint64) {
				if !anyHas(above, id) {
					own.add(id)
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return own, nil
}

func anyHas(sets []*idSet, id [2]uint64) bool {
	for _, s := range sets {
		if s.has(id) {
			return true
		}
	}
	return false
}
