package policy

import "hash/maphash"

// sketch estimates how often keys were used of late: a count-min sketch of
// small counters that are halved from time to time, so that old fame fades.
type sketch[K comparable] struct {
	seed     maphash.Seed
	counters []uint8
	mask     uint64
	uses     int
	halveAt  int
}

const (
	sketchRows = 4
	mostUses   = 15 // a counter above this says no more
)

// newSketch has room for about this many different keys.
func newSketch[K comparable](keys int) *sketch[K] {
	size := 64
	for size < keys*4 {
		size <<= 1
	}
	return &sketch[K]{seed: maphash.MakeSeed(), counters: make([]uint8, size), mask: uint64(size - 1), halveAt: size * 5 / 2}
}

// slots are the counters of a key, one a row of the sketch.
func (s *sketch[K]) slots(key K) [sketchRows]uint64 {
	h := maphash.Comparable(s.seed, key)
	step := (h >> 32) | 1
	var at [sketchRows]uint64
	for i := range at {
		at[i] = (h + uint64(i)*step) & s.mask
	}
	return at
}

func (s *sketch[K]) add(key K) {
	at := s.slots(key)
	least := s.least(at)
	if least < mostUses {
		for _, i := range at {
			if s.counters[i] == least {
				s.counters[i]++
			}
		}
	}
	if s.uses++; s.uses >= s.halveAt {
		for i := range s.counters {
			s.counters[i] >>= 1
		}
		s.uses /= 2
	}
}

func (s *sketch[K]) frequency(key K) float64 { return float64(s.least(s.slots(key))) }

func (s *sketch[K]) least(at [sketchRows]uint64) uint8 {
	least := s.counters[at[0]]
	for _, i := range at[1:] {
		least = min(least, s.counters[i])
	}
	return least
}
