package runs

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sort"
)

// A page is, in this order: a format byte, the number of keys, their common
// length (0: a length each follows), the keys, a flag whether each count is 1
// (0: the counts follow), the smallest commit, a flag whether it is that of all
// (0: differences follow), a CRC-32C of all that. Numbers are uvarints.
const pageFormat = 1

type pager struct {
	keys         []byte
	ends         []int
	counts, seqs []int64
}

func (p *pager) add(e Entry) {
	p.keys = append(p.keys, e.Key...)
	p.ends = append(p.ends, len(p.keys))
	p.counts = append(p.counts, e.Count)
	p.seqs = append(p.seqs, e.Seq)
}

func (p *pager) full() bool { return len(p.keys) >= pageBytes || len(p.ends) >= pageKeys }

func (p *pager) first() []byte { return bytes.Clone(p.keys[:p.ends[0]]) }

// flush encodes the page and empties p.
func (p *pager) flush() []byte {
	n := len(p.ends)
	b := make([]byte, 0, len(p.keys)+64)
	b = append(b, pageFormat)
	b = binary.AppendUvarint(b, uint64(n))
	length, same := p.ends[0], true
	for i := 1; i < n && same; i++ {
		same = p.ends[i]-p.ends[i-1] == length
	}
	if same && length > 0 {
		b = binary.AppendUvarint(b, uint64(length))
	} else {
		b = append(b, 0)
		from := 0
		for _, end := range p.ends {
			b = binary.AppendUvarint(b, uint64(end-from))
			from = end
		}
	}
	b = append(b, p.keys...)
	ones, least, one := true, p.seqs[0], true
	for i := range n {
		ones = ones && p.counts[i] == 1
		one = one && p.seqs[i] == p.seqs[0]
		least = min(least, p.seqs[i])
	}
	if b = append(b, flag(ones)); !ones {
		for _, c := range p.counts {
			b = binary.AppendUvarint(b, uint64(c))
		}
	}
	b = binary.AppendUvarint(b, uint64(least))
	if b = append(b, flag(one)); !one {
		for _, s := range p.seqs {
			b = binary.AppendUvarint(b, uint64(s-least))
		}
	}
	p.keys, p.ends, p.counts, p.seqs = p.keys[:0], p.ends[:0], p.counts[:0], p.seqs[:0]
	return seal(b)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// seal appends a checksum, and unseal checks it and takes it off.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func unseal(b []byte) ([]byte, bool) {
	n := len(b) - 4
	if n < 1 || crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[n:]) {
		return nil, false
	}
	return b[:n], true
}

// Page is a decoded page.
type Page struct {
	keys         []byte
	length       int   // of every key, 0: see ends
	ends         []int // nil with a common length
	counts, seqs []int64
	seq          int64 // of all when seqs is nil
	n            int
}

// OpenPage decodes a page; the page refers to b.
func OpenPage(b []byte) (*Page, error) {
	body, ok := unseal(b)
	if !ok {
		return nil, damaged("a page")
	}
	r := reader{b: body}
	if r.byte() != pageFormat {
		return nil, damaged("the format of a page")
	}
	p := &Page{n: int(r.uvarint()), length: int(r.uvarint())}
	if p.n < 1 || p.n > len(body) || p.length > len(body) {
		return nil, damaged("a page")
	}
	size := p.n * p.length
	if p.length == 0 {
		p.ends = make([]int, p.n)
		for i := range p.ends {
			size += int(r.uvarint())
			p.ends[i] = size
		}
	}
	p.keys = r.take(size)
	if r.byte() == 0 {
		p.counts = r.numbers(p.n, 0)
	}
	if p.seq = int64(r.uvarint()); r.byte() == 0 {
		p.seqs = r.numbers(p.n, p.seq)
	}
	if r.bad || len(r.b) != 0 {
		return nil, damaged("a page")
	}
	return p, nil
}

// At gives the entry at i.
func (p *Page) At(i int) Entry {
	e := Entry{Key: p.key(i), Count: 1, Seq: p.seq}
	if p.counts != nil {
		e.Count = p.counts[i]
	}
	if p.seqs != nil {
		e.Seq = p.seqs[i]
	}
	return e
}

func (p *Page) key(i int) []byte {
	if p.ends == nil {
		return p.keys[i*p.length : (i+1)*p.length]
	}
	from := 0
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.keys[from:p.ends[i]]
}

// Find gives the entry of a key.
func (p *Page) Find(key []byte) (Entry, bool) {
	i, ok := sort.Find(p.n, func(i int) int { return bytes.Compare(key, p.key(i)) })
	if !ok {
		return Entry{}, false
	}
	return p.At(i), true
}

// reader decodes without a check at each step: bad stays set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		n = 0
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	b := r.take(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<62 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) numbers(n int, base int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = base + int64(r.uvarint())
	}
	return out
}

// Covers reports whether the key, if the run holds it, stands in this page.
func (p *Page) Covers(key []byte) bool {
	return bytes.Compare(p.key(0), key) <= 0 && bytes.Compare(key, p.key(p.n-1)) <= 0
}
