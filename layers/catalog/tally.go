package catalog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// tally counts versions within a memory budget. What does not fit goes in
// sorted runs to one temporary file that has no name any more.
type tally struct {
	budget int64
	dir    string // "" is the system's

	buckets map[group]*bucket
	held    int64
	file    *os.File
	written int64
	err     error
}

// group is what is counted together.
type group struct {
	seq       int64 // of the commit, 0 when only one is counted
	container string
}

// bucket is what a group has in memory, and where its runs are in the file.
type bucket struct {
	data   []byte // length and bytes of each version
	counts []counted
	runs   []segment
	sorted bool
}

// counted is a version in a bucket and how many rows had it.
type counted struct {
	prefix uint64 // the first bytes, so that most comparisons need no look at the data
	rows   int64
	at     uint32 // in data
}

const countedBytes = 24

type segment struct{ from, to int64 }

func newTally(budget int64, dir string) *tally {
	return &tally{budget: budget, dir: dir, buckets: map[group]*bucket{}}
}

// close gives back what the tally holds. Versions made of it end with it.
func (t *tally) close() {
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
	t.buckets = nil
}

func (t *tally) bucket(g group) *bucket {
	b := t.buckets[g]
	if b == nil {
		b = &bucket{}
		t.buckets[g] = b
	}
	return b
}

// add counts a row. A file that cannot be written is told by versions.
func (t *tally) add(b *bucket, version string) {
	if t.err != nil {
		return
	}
	from := len(b.data)
	b.data = binary.AppendUvarint(b.data, uint64(len(version)/2+1))
	start := len(b.data)
	var ok bool
	if b.data, ok = appendHex(append(b.data, tagHex), version); !ok {
		b.data = binary.AppendUvarint(b.data[:from], uint64(len(version)+1))
		start = len(b.data)
		b.data = append(append(b.data, tagRaw), version...)
	}
	prefix := prefixOf(b.data[start:])
	if n := len(b.counts); n > 0 { // rows that follow each other often agree
		if last := &b.counts[n-1]; last.prefix == prefix && bytes.Equal(b.at(last.at), b.data[start:]) {
			last.rows++
			b.data = b.data[:from]
			return
		}
	}
	b.sorted = false
	b.counts = append(b.counts, counted{prefix: prefix, rows: 1, at: uint32(from)}) //nolint:gosec // the budget is below 4 GiB
	if t.held += int64(len(b.data)-from) + countedBytes; t.held > t.budget {
		t.shrink()
	}
}

func prefixOf(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var p [8]byte
	copy(p[:], b)
	return binary.BigEndian.Uint64(p[:])
}

func (b *bucket) at(at uint32) []byte {
	n, head := binary.Uvarint(b.data[at:])
	from := int(at) + head
	return b.data[from : from+int(n)] //nolint:gosec // a length that add wrote
}

// sort puts the versions in order and adds up equal ones.
func (b *bucket) sort() {
	if b.sorted {
		return
	}
	b.counts = sortHalves(b.counts, func(x, y counted) int {
		switch {
		case x.prefix < y.prefix:
			return -1
		case x.prefix > y.prefix:
			return 1
		}
		return bytes.Compare(b.at(x.at), b.at(y.at))
	})
	kept := b.counts[:0]
	for _, c := range b.counts {
		if n := len(kept); n > 0 && kept[n-1].prefix == c.prefix && bytes.Equal(b.at(kept[n-1].at), b.at(c.at)) {
			kept[n-1].rows += c.rows
			continue
		}
		kept = append(kept, c)
	}
	b.counts, b.sorted = kept, true
}

// shrink adds up equal versions; when that is not enough everything goes to
// the file.
func (t *tally) shrink() {
	t.held = 0
	for _, b := range t.buckets {
		before := len(b.counts)
		b.sort()
		if len(b.counts) < before {
			data := make([]byte, 0, len(b.data)*len(b.counts)/before+64)
			for i, c := range b.counts {
				at := uint32(len(data)) //nolint:gosec // not longer than before
				v := b.at(c.at)
				data = append(binary.AppendUvarint(data, uint64(len(v))), v...)
				b.counts[i].at = at
			}
			b.data = data
		}
		t.held += int64(len(b.data)) + int64(len(b.counts))*countedBytes
	}
	if t.held > t.budget/2 {
		t.spill()
	}
}

func (t *tally) spill() {
	if t.err != nil {
		return
	}
	if t.file == nil {
		if t.file, t.err = os.CreateTemp(t.dir, "metaxy-catalog-*"); t.err != nil {
			return
		}
		_ = os.Remove(t.file.Name()) // where this is not possible Close leaves an empty name behind
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(t.file, t.written), 256<<10)
	for _, b := range t.buckets {
		if len(b.counts) == 0 {
			continue
		}
		from := t.written
		for v, rows := range b.memory() {
			var head [2 * binary.MaxVarintLen64]byte
			n := binary.PutUvarint(head[:], uint64(len(v)))
			n += binary.PutVarint(head[n:], rows)
			_, _ = w.Write(head[:n])
			_, _ = w.Write(v)
			t.written += int64(n + len(v))
		}
		b.runs = append(b.runs, segment{from, t.written})
		b.data, b.counts = nil, nil
	}
	t.held = 0
	if t.err = w.Flush(); t.err != nil {
		clear(t.buckets)
	}
}

// versions are those of one commit. They are valid until close.
func (t *tally) versions(seq int64) (Versions, error) {
	var out Versions
	if t.err != nil {
		return out, fmt.Errorf("%w: spill versions: %w", core.ErrUnavailable, t.err)
	}
	for g, b := range t.buckets {
		if g.seq != seq || len(b.counts) == 0 && len(b.runs) == 0 {
			continue
		}
		b.sort()
		v := ContainerVersions{Container: g.container, Sorted: b.memory(), Distinct: int64(len(b.counts))}
		if len(b.runs) > 0 {
			v.Sorted, v.Distinct = t.merged(b), 0
			for _, rows := range v.Sorted {
				v.Rows += rows
				v.Distinct++
			}
			if t.err != nil {
				return Versions{}, fmt.Errorf("%w: read spilled versions: %w", core.ErrUnavailable, t.err)
			}
		} else {
			for _, c := range b.counts {
				v.Rows += c.rows
			}
		}
		out.Containers = append(out.Containers, v)
	}
	slices.SortFunc(out.Containers, func(a, b ContainerVersions) int { return bytes.Compare([]byte(a.Container), []byte(b.Container)) })
	return out, nil
}
