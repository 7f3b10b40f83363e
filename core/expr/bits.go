package expr

import (
	"encoding/binary"
	"math/bits"
)

// A bitmap here is a slice of words, row i in bit i%64 of word i/64; bits past the last row may hold anything until the end.

// mask is the result of an expression on a batch: yes has the rows that are true, known those that are true or false; the rest is unknown.
// A yes bit counts only where known is set. A nil known means that every row is known.
type mask struct {
	yes, known []uint64
}

func words(n int) int { return (n + 63) / 64 }

func fullWords(n int) []uint64 {
	out := make([]uint64, words(n))
	for i := range out {
		out[i] = ^uint64(0)
	}
	return out
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// loadBits reads n bits of an Arrow bitmap from bit offset on.
func loadBits(src []byte, offset, n int) []uint64 {
	out := make([]uint64, words(n))
	for i := range out {
		at := (offset + 64*i) / 8
		shift := uint(offset+64*i) % 8
		out[i] = load64(src, at) >> shift
		if shift > 0 && at+8 < len(src) {
			out[i] |= uint64(src[at+8]) << (64 - shift)
		}
	}
	return out
}

// load64 reads eight bytes, of which those past the end are zero.
func load64(src []byte, at int) uint64 {
	if at+8 <= len(src) {
		return binary.LittleEndian.Uint64(src[at:])
	}
	var tail [8]byte
	if at < len(src) {
		copy(tail[:], src[at:])
	}
	return binary.LittleEndian.Uint64(tail[:])
}

// storeBits writes the first n bits to an Arrow bitmap of at least (n+7)/8 bytes, with zeros up to the last byte's end.
func storeBits(dst []byte, src []uint64, n int) {
	size := (n + 7) / 8
	for i, w := range src {
		if rest := n - 64*i; rest < 64 {
			w &= 1<<uint(rest) - 1
		}
		if 8*i+8 <= size {
			binary.LittleEndian.PutUint64(dst[8*i:], w)
			continue
		}
		for j := 8 * i; j < size; j++ {
			dst[j] = byte(w)
			w >>= 8
		}
	}
}

// count returns how many of the first n bits are set.
func count(src []uint64, n int) int {
	total := 0
	for i, w := range src {
		if rest := n - 64*i; rest < 64 {
			w &= 1<<uint(rest) - 1
		}
		total += bits.OnesCount64(w)
	}
	return total
}

// definite clears the yes bits of unknown rows.
func (m mask) definite() mask {
	for i, k := range m.known {
		m.yes[i] &= k
	}
	return m
}

// The three functions below may overwrite their operands.

func (m mask) not() mask {
	for i := range m.yes {
		m.yes[i] = ^m.yes[i]
	}
	return m.definite()
}

// and is true where both are, false where one is false, whatever the other.
func (m mask) and(o mask) mask {
	if m.known == nil && o.known == nil {
		for i := range m.yes {
			m.yes[i] &= o.yes[i]
		}
		return m
	}
	m, o = m.explicit(), o.explicit()
	for i := range m.yes {
		a, b := m.yes[i], o.yes[i]
		m.known[i] = a&b | m.known[i]&^a | o.known[i]&^b
		m.yes[i] = a & b
	}
	return m
}

// or is true where one is true, whatever the other, and false where both are.
func (m mask) or(o mask) mask {
	if m.known == nil && o.known == nil {
		for i := range m.yes {
			m.yes[i] |= o.yes[i]
		}
		return m
	}
	m, o = m.explicit(), o.explicit()
	for i := range m.yes {
		yes := m.yes[i] | o.yes[i]
		m.known[i] = yes | m.known[i]&o.known[i]
		m.yes[i] = yes
	}
	return m
}

func (m mask) explicit() mask {
	if m.known == nil {
		m.known = fullWords(64 * len(m.yes))
	}
	return m
}
