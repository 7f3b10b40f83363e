package resolve

import (
	"math/bits"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// index builds the open-addressing table over the side's rows: the rows stay
// where they are, a slot holds half a hash and a row number.
func (s *side) index() { s.build.Do(func() { s.insert(nil) }) }

// indexUnique builds the table and reports the first row whose key an earlier
// row has.
func (s *side) indexUnique(number func(ref) int64) (err error) {
	s.build.Do(func() {
		s.insert(func(first, again ref) {
			if err == nil {
				err = core.DuplicateError(number(first), number(again))
			}
		})
	})
	return err
}

func (s *side) insert(duplicate func(first, again ref)) {
	n := s.count()
	s.slots = make([]uint64, max(8, 1<<bits.Len64(uint64(n+n/2))))
	mask := uint64(len(s.slots) - 1)
	many := s.shape != single
	var tails []uint32
	if many {
		s.next, tails = make([]uint32, n), make([]uint32, n)
	}
	for at, b := range s.blocks {
		if s.shape == grouped {
			b.group = make([]int32, b.rows())
		}
	rows:
		for row, h := range b.hash {
			if b.keys.HasNulls() && b.keys.Null(row) {
				continue
			}
			number := uint64(b.start) + uint64(row)
			i := h & mask
			for ; s.slots[i] != 0; i = (i + 1) & mask {
				if !many && duplicate == nil || s.slots[i]>>32 != h>>32 {
					continue
				}
				lead := uint32(s.slots[i]) - 1
				r := s.ref(int64(lead))
				if !b.keys.Equal(row, s.blocks[r.block()].keys, r.row()) {
					continue
				}
				if !many {
					duplicate(r, makeRef(at, row))
					continue rows
				}
				s.next[tails[lead]] = uint32(number) + 1
				tails[lead] = uint32(number)
				continue rows
			}
			s.slots[i] = h>>32<<32 | (number + 1)
			if many {
				tails[number] = uint32(number)
			}
			if s.shape == grouped {
				b.group[row] = int32(s.groups)
				b.leads = append(b.leads, int32(row))
				s.groups++
			}
		}
	}
}

// lookup finds the first row of this side with the key of a row elsewhere.
func (s *side) lookup(h uint64, keys *ident.Keys, row int) ref {
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if s.slots[i]>>32 != h>>32 {
			continue
		}
		r := s.ref(int64(uint32(s.slots[i]) - 1))
		if s.blocks[r.block()].keys.Equal(r.row(), keys, row) {
			return r
		}
	}
	return none
}

// find looks up many rows at once. Samples mostly stand in the same order on
// both sides, so the row after the last match is tried before the table, which
// is then often not even built.
func (s *side) find(hash []uint64, keys *ident.Keys, rows []int32, first int64, out []ref) {
	if s.count() == 0 {
		for i := range out {
			out[i] = none
		}
		return
	}
	if s.shape != single {
		s.index()
		for i, row := range rows {
			out[i] = s.lookup(hash[i], keys, int(row))
		}
		return
	}
	guess := none
	if at := first + s.drift.Load(); at >= 0 && at < s.count() {
		guess = s.ref(at)
	}
	built := false
	for i, row := range rows {
		if guess != none {
			b := s.blocks[guess.block()]
			if b.hash[guess.row()] == hash[i] && b.keys.Equal(guess.row(), keys, int(row)) && (!b.keys.HasNulls() || !b.keys.Null(guess.row())) {
				out[i] = guess
				guess = s.after(guess)
				continue
			}
		}
		if !built {
			s.index()
			built = true
		}
		out[i] = s.lookup(hash[i], keys, int(row))
		if out[i] != none {
			guess = s.after(out[i])
		}
	}
	if n := len(out); n > 0 && out[n-1] != none {
		s.drift.Store(s.number(out[n-1]) - first - int64(rows[n-1]-rows[0]))
	}
}

func (s *side) after(r ref) ref {
	if r.row()+1 < s.blocks[r.block()].rows() {
		return r + 1
	}
	for at := r.block() + 1; at < len(s.blocks); at++ {
		if s.blocks[at].rows() > 0 {
			return makeRef(at, 0)
		}
	}
	return none
}
