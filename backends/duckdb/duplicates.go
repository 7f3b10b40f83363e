//go:build cgo && duckdb_arrow

package duckdb

import (
	"slices"
)

// hasRepeat finds two equal numbers; it reorders them.
func hasRepeat(hashes []uint64) bool {
	const bits = 11
	n := len(hashes)
	if n < 1<<14 {
		slices.Sort(hashes)
		return adjacent(hashes)
	}
	// Into buckets by the upper bits, each of which fits in a cache.
	var ends [1<<bits + 1]int
	for _, h := range hashes {
		ends[h>>(64-bits)+1]++
	}
	for i := range 1 << bits {
		ends[i+1] += ends[i]
	}
	sorted := make([]uint64, n)
	next := ends
	for _, h := range hashes {
		b := h >> (64 - bits)
		sorted[next[b]] = h
		next[b]++
	}
	for i := range 1 << bits {
		bucket := sorted[ends[i]:ends[i+1]]
		slices.Sort(bucket)
		if adjacent(bucket) {
			return true
		}
	}
	return false
}

func adjacent(sorted []uint64) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return true
		}
	}
	return false
}
