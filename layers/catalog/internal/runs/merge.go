package runs

import (
	"bytes"
	"iter"
)

// Fetch reads the next pages of a run: those whose first key is greater than
// after (nil: from the start), in order. No page means the end.
type Fetch func(after []byte) ([]StoredPage, error)

// Stored is the source over a stored run.
type Stored struct {
	fetch Fetch
	pages []StoredPage
	page  *Page
	at    int
	after []byte
	done  bool
}

// NewStored reads a run from its start.
func NewStored(fetch Fetch) *Stored { return &Stored{fetch: fetch} }

// Next implements [Source].
func (s *Stored) Next() (Entry, bool, error) {
	for s.page == nil || s.at == s.page.n {
		if s.done {
			return Entry{}, false, nil
		}
		if len(s.pages) == 0 {
			var err error
			if s.pages, err = s.fetch(s.after); err != nil {
				return Entry{}, false, err
			}
			if len(s.pages) == 0 {
				s.done = true
				continue
			}
		}
		page, err := OpenPage(s.pages[0].Data)
		if err != nil {
			return Entry{}, false, err
		}
		if !bytes.Equal(page.key(0), s.pages[0].First) {
			return Entry{}, false, damaged("the order of pages")
		}
		s.after, s.pages, s.page, s.at = s.pages[0].First, s.pages[1:], page, 0
	}
	s.at++
	return s.page.At(s.at - 1), true, nil
}

// FromSeq is the source over counted keys of one commit. Stop must be called.
func FromSeq(seq iter.Seq2[[]byte, int64], commit int64) (s Source, stop func()) {
	next, stop := iter.Pull2(seq)
	return pulled{next: next, commit: commit}, stop
}

type pulled struct {
	next   func() ([]byte, int64, bool)
	commit int64
}

func (p pulled) Next() (Entry, bool, error) {
	k, n, ok := p.next()
	return Entry{Key: k, Count: n, Seq: p.commit}, ok, nil
}

// Merge makes one sorted sequence of several: counts of a key are added, the
// last commit wins. An error comes last.
func Merge(sources ...Source) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var h heads
		for _, s := range sources {
			e, ok, err := s.Next()
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if ok {
				h = append(h, head{e, s})
			}
		}
		for i := len(h)/2 - 1; i >= 0; i-- {
			h.down(i)
		}
		var key []byte
		for len(h) > 0 {
			key = append(key[:0], h[0].Key...)
			out := Entry{Key: key}
			for len(h) > 0 && bytes.Equal(h[0].Key, key) {
				out.Count, out.Seq = addCounts(out.Count, h[0].Count), max(out.Seq, h[0].Seq)
				if err := h.advance(key); err != nil {
					yield(Entry{}, err)
					return
				}
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// heads is a heap of sources by their current key.
type heads []head

type head struct {
	Entry
	source Source
}

// advance moves the first source on; it must give more than key, a copy of
// what it gave last, which may be gone by now.
func (h *heads) advance(key []byte) error {
	e, ok, err := (*h)[0].source.Next()
	if err != nil {
		return err
	}
	if ok {
		if bytes.Compare(e.Key, key) <= 0 {
			return damaged("the order of a run")
		}
		(*h)[0].Entry = e
	} else {
		last := len(*h) - 1
		(*h)[0] = (*h)[last]
		*h = (*h)[:last]
	}
	h.down(0)
	return nil
}

func (h *heads) down(i int) {
	s := *h
	for {
		least, left, right := i, 2*i+1, 2*i+2
		if left < len(s) && bytes.Compare(s[left].Key, s[least].Key) < 0 {
			least = left
		}
		if right < len(s) && bytes.Compare(s[right].Key, s[least].Key) < 0 {
			least = right
		}
		if least == i {
			return
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}
