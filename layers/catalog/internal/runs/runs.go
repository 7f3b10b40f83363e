// Package runs keeps sorted sets of data versions as pages of bytes, for the
// catalogs that lie in a database.
//
// A row for each version would cost a database more than the rows themselves:
// ten million of them are a tree that every registration rewrites in random
// places. A run is what one commit wrote, sorted: pages of a few hundred keys
// for exact answers, and a filter for each million keys that answers nearly
// every "not there" from memory. Runs of like size are merged, so that their
// number grows with the logarithm of the commits.
package runs

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/metaxy-go/metaxy/core"
)

// Entry is a key with what is known of it. Its Key is valid until the next step
// of what yields it.
type Entry struct {
	Key   []byte
	Count int64 // rows written with it
	Seq   int64 // the last commit that wrote it
}

// Source yields entries in ascending order of their keys, each key once.
type Source interface {
	// Next moves to the next entry, false at the end or on an error.
	Next() (Entry, bool, error)
}

// Sizes. A page is a few disk pages, so that one read answers a question; a
// part is what a filter is built over in bounded memory.
const (
	pageBytes = 8000
	pageKeys  = 512
	// PartKeys is how many keys one filter covers at most.
	PartKeys = 1 << 20
)

// Level orders runs by size: those of one level are merged together. Eight of
// a level make one of the next.
func Level(keys int64) int {
	level := 0
	for keys >= smallest {
		keys /= Fanout
		level++
	}
	return level
}

const (
	// Fanout is how many runs of a level are merged into one.
	Fanout   = 8
	smallest = 4096 // below, runs are of level 0 and merged in the registration itself
)

// Hash is what filters are asked about a key.
func Hash(key []byte) uint64 { return xxh3.Hash(key) }

// HashKey is the key that stands for a version's hash where only filters are
// kept: its order is that of the hashes.
func HashKey(b []byte, hash uint64) []byte { return binary.BigEndian.AppendUint64(b, hash) }

// HashOfKey is the hash behind a key of [HashKey].
func HashOfKey(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func damaged(what string) error {
	return fmt.Errorf("%w: %s of the catalog is damaged", core.ErrIntegrity, what)
}

// addCounts adds without wrapping around.
func addCounts(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
