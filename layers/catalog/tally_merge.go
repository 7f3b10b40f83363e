package catalog

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"io"
	"iter"
)

// merged yields a group's versions out of the file and memory. A file that
// cannot be read ends the sequence and sets the tally's error.
func (t *tally) merged(b *bucket) iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		var h cursors
		for _, s := range b.runs {
			c := &cursor{in: bufio.NewReaderSize(io.NewSectionReader(t.file, s.from, s.to-s.from), 64<<10)}
			if !t.advance(c) {
				if t.err != nil {
					return
				}
				continue
			}
			h = append(h, c)
		}
		if len(b.counts) > 0 {
			c := &cursor{bucket: b}
			t.advance(c)
			h = append(h, c)
		}
		heap.Init(&h)
		var version []byte
		for len(h) > 0 {
			version = append(version[:0], h[0].version...)
			rows := int64(0)
			for len(h) > 0 && bytes.Equal(h[0].version, version) {
				rows += h[0].rows
				if t.advance(h[0]) {
					heap.Fix(&h, 0)
					continue
				}
				if t.err != nil {
					return
				}
				heap.Pop(&h)
			}
			if !yield(version, rows) {
				return
			}
		}
	}
}

// cursor stands at a version of a run, or of a bucket's memory.
type cursor struct {
	in      *bufio.Reader
	bucket  *bucket
	next    int
	version []byte
	rows    int64
}

// advance moves on; false is the end or, with t.err, a failure.
func (t *tally) advance(c *cursor) bool {
	if c.bucket != nil {
		if c.next == len(c.bucket.counts) {
			return false
		}
		at := c.bucket.counts[c.next]
		c.version, c.rows = c.bucket.at(at.at), at.rows
		c.next++
		return true
	}
	n, err := binary.ReadUvarint(c.in)
	if err == io.EOF { //nolint:errorlint // bufio gives it bare at the end of a run
		return false
	}
	if err == nil {
		if c.rows, err = binary.ReadVarint(c.in); err == nil {
			if uint64(cap(c.version)) < n {
				c.version = make([]byte, n)
			}
			c.version = c.version[:n]
			_, err = io.ReadFull(c.in, c.version)
		}
	}
	t.err = err
	return err == nil
}

// cursors is a heap by version.
type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, j int) bool { return bytes.Compare(h[i].version, h[j].version) < 0 }
func (h cursors) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(x any)        { *h = append(*h, x.(*cursor)) }
func (h *cursors) Pop() any {
	old := *h
	c := old[len(old)-1]
	*h = old[:len(old)-1]
	return c
}
