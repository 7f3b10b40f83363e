package runs_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// stored is a run in memory.
type stored struct {
	pages []runs.StoredPage
	parts []runs.StoredPart
}

func write(t *rapid.T, entries []runs.Entry) *stored {
	s := &stored{}
	w := runs.Writer{
		Page: func(p runs.StoredPage) error { s.pages = append(s.pages, p); return nil },
		Part: func(p runs.StoredPart) error { s.parts = append(s.parts, p); return nil },
	}
	for _, e := range entries {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.End(); err != nil || n != int64(len(entries)) {
		t.Fatalf("%d keys, %v", n, err)
	}
	return s
}

// source hands out two pages at a time.
func (s *stored) source() runs.Source {
	return runs.NewStored(func(after []byte) ([]runs.StoredPage, error) {
		i := 0
		for i < len(s.pages) && after != nil && bytes.Compare(s.pages[i].First, after) <= 0 {
			i++
		}
		return s.pages[i:min(i+2, len(s.pages))], nil
	})
}

func draw(t *rapid.T) []runs.Entry {
	keys := rapid.SliceOfNDistinct(rapid.SliceOfN(rapid.Byte(), 1, 40), 1, 1500, func(k []byte) string { return string(k) }).Draw(t, "keys")
	slices.SortFunc(keys, bytes.Compare)
	var out []runs.Entry
	for _, k := range keys {
		out = append(out, runs.Entry{Key: k, Count: rapid.Int64Range(1, 3).Draw(t, "count"), Seq: rapid.Int64Range(1, 9).Draw(t, "seq")})
	}
	return out
}

// TestRoundTrip: what is written is read, found in its page and never denied by
// its filter.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := draw(t)
		s := write(t, entries)
		filter, err := runs.OpenFilter(s.parts[0].Filter)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for e, err := range runs.Merge(s.source()) {
			if err != nil {
				t.Fatal(err)
			}
			if want := entries[i]; !bytes.Equal(e.Key, want.Key) || e.Count != want.Count || e.Seq != want.Seq {
				t.Fatalf("entry %d differs", i)
			}
			if !filter.Contains(runs.Hash(e.Key)) {
				t.Fatalf("the filter denies key %d", i)
			}
			i++
		}
		if i != len(entries) {
			t.Fatalf("%d entries of %d", i, len(entries))
		}
		for _, p := range s.pages {
			page, err := runs.OpenPage(p.Data)
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := page.Find(p.First); !ok || !page.Covers(p.First) || !bytes.Equal(e.Key, p.First) {
				t.Fatal("a page without its first key")
			}
			if _, ok := page.Find(append(bytes.Clone(p.First), 0, 1, 2, 3, 4, 5)); ok && len(p.First) > 34 {
				t.Fatal("a key that nobody wrote")
			}
		}
	})
}

// TestMerge: counts add up and the last commit wins.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]runs.Entry{}
		var sources []runs.Source
		for range rapid.IntRange(1, 5).Draw(t, "runs") {
			entries := draw(t)
			sources = append(sources, write(t, entries).source())
			for _, e := range entries {
				w := want[string(e.Key)]
				want[string(e.Key)] = runs.Entry{Count: w.Count + e.Count, Seq: max(w.Seq, e.Seq)}
			}
		}
		var before []byte
		n := 0
		for e, err := range runs.Merge(sources...) {
			if err != nil {
				t.Fatal(err)
			}
			if w := want[string(e.Key)]; w.Count != e.Count || w.Seq != e.Seq {
				t.Fatalf("%d and %d, want %d and %d", e.Count, e.Seq, w.Count, w.Seq)
			}
			if n > 0 && bytes.Compare(before, e.Key) >= 0 {
				t.Fatal("not in order")
			}
			before = bytes.Clone(e.Key)
			n++
		}
		if n != len(want) {
			t.Fatalf("%d keys, want %d", n, len(want))
		}
	})
}

// TestFlipped: every flipped byte of a page or a filter is seen.
func TestFlipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := write(t, draw(t))
		page, filter := bytes.Clone(s.pages[0].Data), bytes.Clone(s.parts[0].Filter)
		page[rapid.IntRange(0, len(page)-1).Draw(t, "page")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		filter[rapid.IntRange(0, len(filter)-1).Draw(t, "filter")] ^= 0x10
		if _, err := runs.OpenPage(page); !errors.Is(err, core.ErrIntegrity) {
			t.Fatalf("page: %v", err)
		}
		if _, err := runs.OpenFilter(filter); !errors.Is(err, core.ErrIntegrity) {
			t.Fatalf("filter: %v", err)
		}
	})
}

// FuzzPage: no bytes make the decoder panic.
func FuzzPage(f *testing.F) {
	f.Add([]byte{1, 1, 1, 'a', 1, 1, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := runs.OpenPage(b)
		if err == nil {
			p.Find([]byte("x"))
		}
		if _, err := runs.OpenFilter(b); err == nil {
			t.Log("a filter by chance")
		}
	})
}
