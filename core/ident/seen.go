package ident

import (
	"crypto/sha256"
	"encoding/binary"
)

// Seen finds duplicate ids in a stream of batches.
//
// It keeps 16 bytes of a hash for each id, not the id, so its memory does not
// depend on how long ids are.
type Seen struct {
	first map[[2]uint64]int64
	rows  int64
	buf   []byte
}

// NewSeen expects about rows ids; 0 when unknown.
func NewSeen(rows int) *Seen { return &Seen{first: make(map[[2]uint64]int64, rows)} }

// Add takes the ids of a batch. It reports the first duplicate by the two row
// numbers, counted from 0 over everything added.
func (s *Seen) Add(v *View) (first, again int64, found bool) {
	for row := range v.Rows() {
		s.buf = v.AppendText(s.buf[:0], row)
		sum := sha256.Sum256(s.buf)
		key := [2]uint64{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
		at := s.rows + int64(row)
		if first, ok := s.first[key]; ok {
			return first, at, true
		}
		s.first[key] = at
	}
	s.rows += int64(v.Rows())
	return 0, 0, false
}
