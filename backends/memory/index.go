package memory

import (
	"bytes"
	"hash/maphash"

	"github.com/metaxy-go/metaxy/core/ident"
)

// index maps ids to the row that has them last: an open-addressing hash table
// of 16 bytes a slot. Ids with equal hashes are compared as text, so the index
// is right whatever the hashes are; the seed is secret, so nobody can choose
// ids that collide.
type index struct {
	seed  maphash.Seed
	slots []slot // a power of two, at most three quarters full
	used  int
	views []*ident.View // by chunk
	a, b  []byte
}

type slot struct {
	hash uint64
	row  rowRef // plus one, so that 0 is an empty slot
}

// rowRef is a row: its chunk's number and its place there.
type rowRef uint64

func refTo(chunk, row int) rowRef { return rowRef(chunk)*chunkRows + rowRef(row) }
func (r rowRef) chunk() int       { return int(r / chunkRows) }
func (r rowRef) row() int         { return int(r % chunkRows) }

func newIndex(seed maphash.Seed) *index { return &index{seed: seed, slots: make([]slot, 64)} }

// add takes the ids of the next chunk and appends their hashes to hashes. For
// an id that is there already it calls again with the row that had it; when
// that returns false, add stops and returns false as well.
func (x *index) add(ids *ident.View, hashes []uint64, again func(before, now rowRef) bool) ([]uint64, bool) {
	chunk := x.admit(ids)
	for row := range ids.Rows() {
		x.a = ids.AppendText(x.a[:0], row)
		hash := maphash.Bytes(x.seed, x.a)
		hashes = append(hashes, hash)
		now := refTo(chunk, row)
		if before, found := x.put(hash, now, x.a); found && !again(before, now) {
			return hashes, false
		}
	}
	return hashes, true
}

// merge is add for ids whose hashes are known.
func (x *index) merge(ids *ident.View, hashes []uint64, again func(before, now rowRef)) {
	chunk := x.admit(ids)
	for row, hash := range hashes {
		now := refTo(chunk, row)
		if before, found := x.put(hash, now, nil); found {
			again(before, now)
		}
	}
}

func (x *index) admit(ids *ident.View) (chunk int) {
	x.views = append(x.views, ids)
	for 4*(x.used+ids.Rows()) > 3*len(x.slots) {
		x.grow()
	}
	return len(x.views) - 1
}

// put makes now the row of its id and returns the one that was. text is the id
// where the caller has it.
func (x *index) put(hash uint64, now rowRef, text []byte) (before rowRef, found bool) {
	for i := hash; ; i++ {
		s := &x.slots[i&uint64(len(x.slots)-1)]
		if s.row == 0 {
			*s = slot{hash, now + 1}
			x.used++
			return 0, false
		}
		if s.hash != hash {
			continue
		}
		if text == nil {
			x.a = x.views[now.chunk()].AppendText(x.a[:0], now.row())
			text = x.a
		}
		before = s.row - 1
		x.b = x.views[before.chunk()].AppendText(x.b[:0], before.row())
		if bytes.Equal(text, x.b) {
			s.row = now + 1
			return before, true
		}
	}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.row == 0 {
			continue
		}
		for i := s.hash; ; i++ {
			if to := &x.slots[i&uint64(len(x.slots)-1)]; to.row == 0 {
				*to = s
				break
			}
		}
	}
}
