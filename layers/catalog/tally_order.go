package catalog

import (
	"iter"
	"slices"
	"sync"
)

// aside is from how many versions on another core helps with them.
const aside = 1 << 14

// sortHalves sorts, the halves of a long slice at the same time.
func sortHalves[T any](all []T, compare func(x, y T) int) []T {
	if len(all) < aside {
		slices.SortFunc(all, compare)
		return all
	}
	low, high := all[:len(all)/2], all[len(all)/2:]
	var other sync.WaitGroup
	other.Go(func() { slices.SortFunc(high, compare) })
	slices.SortFunc(low, compare)
	other.Wait()
	out := make([]T, 0, len(all))
	for len(low) > 0 && len(high) > 0 {
		if compare(low[0], high[0]) <= 0 {
			out, low = append(out, low[0]), low[1:]
		} else {
			out, high = append(out, high[0]), high[1:]
		}
	}
	return append(append(out, low...), high...)
}

// memory yields what the bucket has in memory; it is sorted. The versions lie
// there as they came, so that reading them in their order jumps about in memory:
// of many a goroutine fetches the next ones while these are used.
func (b *bucket) memory() iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		if len(b.counts) < aside {
			for _, c := range b.counts {
				if !yield(b.at(c.at), c.rows) {
					return
				}
			}
			return
		}
		next := make(chan fetched, 2)
		left := make(chan struct{})
		var other sync.WaitGroup
		defer other.Wait()
		defer close(left)
		other.Go(func() {
			defer close(next)
			for part := range slices.Chunk(b.counts, aside/4) {
				select {
				case next <- b.fetch(part):
				case <-left:
					return
				}
			}
		})
		for f := range next {
			from := 0
			for i, end := range f.ends {
				if !yield(f.data[from:end:end], f.of[i].rows) {
					return
				}
				from = end
			}
		}
	}
}

// fetched are versions one behind the other.
type fetched struct {
	of   []counted
	data []byte
	ends []int
}

func (b *bucket) fetch(part []counted) fetched {
	f := fetched{of: part, data: make([]byte, 0, 34*len(part)), ends: make([]int, len(part))}
	for i, c := range part {
		f.data = append(f.data, b.at(c.at)...)
		f.ends[i] = len(f.data)
	}
	return f
}
