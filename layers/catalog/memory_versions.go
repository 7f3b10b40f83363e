package catalog

import (
	"bytes"
	"context"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"sort"
)

// versionSet is the versions of one container. It is not changed once made.
type versionSet interface {
	with(ctx context.Context, seq int64, v ContainerVersions) (versionSet, error)
	has(version []byte) Presence
	size() (rows, distinct int64) // distinct is -1 when it is not known
	latest() int64                // the last commit that wrote a version
	sorted() iter.Seq2[[]byte, seen]
}

// seen is how often a version was written, and by which commit last.
type seen struct{ rows, last int64 }

func newVersionSet(m Mode) versionSet {
	switch m {
	case Filter:
		return &hashSet{seed: maphash.MakeSeed()}
	case Counts:
		return &counter{}
	case Exact:
	}
	return &exactSet{}
}

// counter keeps no versions.
type counter struct{ rows, last int64 }

func (c *counter) with(_ context.Context, seq int64, v ContainerVersions) (versionSet, error) {
	return &counter{rows: c.rows + v.Rows, last: max(c.last, seq)}, nil
}

func (c *counter) has([]byte) Presence {
	if c.rows > 0 {
		return Maybe
	}
	return No
}
func (c *counter) size() (rows, distinct int64)    { return c.rows, -1 }
func (c *counter) latest() int64                   { return c.last }
func (c *counter) sorted() iter.Seq2[[]byte, seen] { return func(func([]byte, seen) bool) {} }

// hashSet keeps 8 bytes of each version: what is not among them was surely not
// written.
type hashSet struct {
	counter
	seed maphash.Seed
	runs [][]uint64 // sorted, each more than twice as long as the next
}

func (h *hashSet) with(ctx context.Context, seq int64, v ContainerVersions) (versionSet, error) {
	var run []uint64
	var distinct, rows int64
	for version, n := range v.Sorted {
		distinct, rows = distinct+1, rows+n
		if len(run)%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		run = append(run, maphash.Bytes(h.seed, version))
	}
	if err := v.Complete(distinct, rows); err != nil {
		return nil, err
	}
	slices.Sort(run)
	runs := slices.Clone(h.runs)
	for len(runs) > 0 && len(runs[len(runs)-1]) <= 2*len(run) {
		run = append(slices.Clone(runs[len(runs)-1]), run...)
		slices.Sort(run)
		run = slices.Compact(run)
		runs = runs[:len(runs)-1]
	}
	return &hashSet{
		counter: counter{rows: h.rows + v.Rows, last: max(h.last, seq)}, seed: h.seed, runs: append(runs, run),
	}, nil
}

func (h *hashSet) has(version []byte) Presence {
	hash := maphash.Bytes(h.seed, version)
	for _, run := range h.runs {
		if _, found := slices.BinarySearch(run, hash); found {
			return Maybe
		}
	}
	return No
}

// exactSet keeps sorted runs, each more than twice as long as the next: adding
// a commit merges what it must and no more.
type exactSet struct {
	runs                 []*run
	rows, distinct, last int64
}

// run is sorted versions one behind the other.
type run struct {
	data []byte
	ends []uint32
	seen []seen
}

func (r *run) len() int { return len(r.ends) }

func (r *run) at(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.data[from:r.ends[i]]
}

// fits reports whether n more bytes can be addressed.
func (r *run) fits(n int) bool { return len(r.data)+n <= math.MaxUint32 }

func (r *run) add(version []byte, s seen) {
	r.data = append(r.data, version...)
	r.ends = append(r.ends, uint32(len(r.data))) //nolint:gosec // fits is asked first
	r.seen = append(r.seen, s)
}

// seek finds the first version from here on that is not less, by doubling
// steps: a short run against a long one costs few looks, and so does a long one.
func (r *run) seek(from int, version []byte) (at int, found bool) {
	step, low := 1, from
	for low+step < r.len() && bytes.Compare(r.at(low+step), version) < 0 {
		low += step
		step *= 2
	}
	high := min(low+step+1, r.len())
	at = low + sort.Search(high-low, func(i int) bool { return bytes.Compare(r.at(low+i), version) >= 0 })
	return at, at < r.len() && bytes.Equal(r.at(at), version)
}

func (x *exactSet) with(ctx context.Context, seq int64, v ContainerVersions) (versionSet, error) {
	next := &exactSet{runs: slices.Clone(x.runs), rows: x.rows + v.Rows, distinct: x.distinct, last: max(x.last, seq)}
	places := make([]int, len(x.runs))
	fresh := &run{ends: make([]uint32, 0, v.Distinct), seen: make([]seen, 0, v.Distinct)}
	var n, sum int64
	for version, rows := range v.Sorted {
		sum += rows
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		known := false
		for i, r := range x.runs {
			var found bool
			places[i], found = r.seek(places[i], version)
			known = known || found
		}
		if !known {
			next.distinct++
		}
		if !fresh.fits(len(version)) {
			next.runs, fresh = append(next.runs, fresh), &run{}
		}
		fresh.add(version, seen{rows: rows, last: seq})
	}
	if err := v.Complete(n, sum); err != nil {
		return nil, err
	}
	for k := len(next.runs) - 1; k >= 0 && next.runs[k].len() <= 2*fresh.len() && fresh.fits(len(next.runs[k].data)); k-- {
		fresh = merge(next.runs[k], fresh)
		next.runs = next.runs[:k]
	}
	if fresh.len() > 0 {
		next.runs = append(next.runs, fresh)
	}
	return next, nil
}

func merge(a, b *run) *run {
	out := &run{data: make([]byte, 0, len(a.data)+len(b.data)), ends: make([]uint32, 0, a.len()+b.len()), seen: make([]seen, 0, a.len()+b.len())}
	for version, s := range (&exactSet{runs: []*run{a, b}}).sorted() {
		out.add(version, s)
	}
	return out
}

func (x *exactSet) has(version []byte) Presence {
	for _, r := range x.runs {
		if at := sort.Search(r.len(), func(i int) bool { return bytes.Compare(r.at(i), version) >= 0 }); at < r.len() && bytes.Equal(r.at(at), version) {
			return Yes
		}
	}
	return No
}

func (x *exactSet) size() (rows, distinct int64) { return x.rows, x.distinct }
func (x *exactSet) latest() int64                { return x.last }

// sorted merges the runs; there are few, so the least is found by looking.
func (x *exactSet) sorted() iter.Seq2[[]byte, seen] {
	return func(yield func([]byte, seen) bool) {
		at := make([]int, len(x.runs))
		for {
			var least []byte
			for i, r := range x.runs {
				if at[i] < r.len() {
					if v := r.at(at[i]); least == nil || bytes.Compare(v, least) < 0 {
						least = v
					}
				}
			}
			if least == nil {
				return
			}
			var sum seen
			for i, r := range x.runs {
				if at[i] < r.len() && bytes.Equal(r.at(at[i]), least) {
					sum.rows += r.seen[at[i]].rows
					sum.last = max(sum.last, r.seen[at[i]].last)
					at[i]++
				}
			}
			if !yield(least, sum) {
				return
			}
		}
	}
}
