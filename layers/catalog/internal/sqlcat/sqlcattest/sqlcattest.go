// Package sqlcattest holds what the tests of the catalogs over databases have
// in common, beside the suite that every catalog passes: many commits merged
// against an oracle, and processes that race or are killed.
package sqlcattest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// Container is the one that everything here is written for.
const Container = "frames"

// At is when a commit was made.
func At(seq int64) time.Time { return time.Unix(1_700_000_000+seq, 0).UTC() }

// Digest is the nth version.
func Digest(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	sum := sha256.Sum256(b[:])
	return hex.EncodeToString(sum[:])
}

// Commit describes a commit of rows.
func Commit(key core.FeatureKey, seq, rows int64) catalog.Materialization {
	return catalog.Materialization{
		Key: key, Commit: core.Commit{Seq: seq, ID: fmt.Sprintf("job-%d", seq), Rows: rows, Time: At(seq)},
		Info: core.Info{Key: key, Generation: seq, SchemaVersion: 1, Containers: []string{Container}},
	}
}

// Of makes what a layer hands over of versions and their rows.
func Of(rows map[string]int64) catalog.Versions {
	type pair struct {
		key []byte
		n   int64
	}
	var all []pair
	var sum int64
	for v, n := range rows {
		all = append(all, pair{catalog.EncodeVersion(nil, v), n})
		sum += n
	}
	slices.SortFunc(all, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	return catalog.Versions{Containers: []catalog.ContainerVersions{{
		Container: Container, Rows: sum, Distinct: int64(len(all)),
		Sorted: func(yield func([]byte, int64) bool) {
			for _, p := range all {
				if !yield(p.key, p.n) {
					return
				}
			}
		},
	}}}
}

// Fresh makes n versions that nothing else has, without holding their texts:
// 33 bytes each, in ascending order, different for each seed. Their first eight
// bytes are spread evenly.
func Fresh(n int64, seed uint64) catalog.Versions {
	return catalog.Versions{Containers: []catalog.ContainerVersions{{Container: Container, Rows: n, Distinct: n, Sorted: fresh(n, seed)}}}
}

func fresh(n int64, seed uint64) iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
		key := make([]byte, 33)
		key[0] = 'x'
		step := ^uint64(0) / uint64(n) //nolint:gosec // n is positive
		for i := range n {
			for at := 9; at < len(key); at += 8 {
				binary.LittleEndian.PutUint64(key[at:], r.Uint64())
			}
			binary.BigEndian.PutUint64(key[1:], uint64(i)*step+r.Uint64()%step) //nolint:gosec // i is positive
			if !yield(key, 1) {
				return
			}
		}
	}
}

// Merges registers commits of random sizes, out of order and some of them
// twice, and compares everything with an oracle.
func Merges(t *testing.T, c catalog.Catalog, commits int64, most uint64) {
	t.Helper()
	ctx := t.Context()
	r := rand.New(rand.NewPCG(uint64(commits), most)) //nolint:gosec // the same each time
	const key core.FeatureKey = "merged/feature"
	rows, last := map[string]int64{}, map[string]int64{}
	var sum, total int64
	order := r.Perm(int(commits))
	for _, i := range order {
		seq := int64(i) + 1
		n := 1 + r.Uint64N(most)
		if r.IntN(4) == 0 {
			n = 1 + r.Uint64N(8)
		}
		from := r.Uint64N(4 * most)
		these := map[string]int64{}
		var own int64
		for v := from; v < from+n; v++ {
			k := 1 + int64(r.IntN(3))
			text := Digest(v)
			if v%97 == 0 {
				text = fmt.Sprintf("plain %d", v)
			}
			these[text] = k
			own += k
		}
		for range 1 + r.IntN(2) {
			if err := c.RegisterMaterialization(ctx, Commit(key, seq, own), Of(these)); err != nil {
				t.Fatalf("registering commit %d: %v", seq, err)
			}
		}
		total++
		sum += own
		for v, k := range these {
			rows[v] += k
			last[v] = max(last[v], seq)
		}
		if total%16 == 0 || total == commits {
			entry(t, c, key, total, sum, int64(len(rows)))
		}
	}
	type known struct {
		rows int64
		at   time.Time
	}
	got := map[string]known{}
	var before []byte
	for v, err := range c.MaterializedVersions(ctx, key, Container) {
		if err != nil {
			t.Fatal(err)
		}
		now := catalog.EncodeVersion(nil, v.Version)
		if bytes.Compare(before, now) >= 0 && before != nil {
			t.Fatal("versions are not in order")
		}
		before = now
		got[v.Version] = known{v.Rows, v.Last}
	}
	want := map[string]known{}
	for v, n := range rows {
		want[v] = known{n, At(last[v])}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%d versions, want %d, or their counts or times differ", len(got), len(want))
	}
	for v := range 5 * most {
		text := Digest(v)
		if v%97 == 0 {
			text = fmt.Sprintf("plain %d", v)
		}
		want := catalog.No
		if rows[text] > 0 {
			want = catalog.Yes
		}
		if v%7 == 0 || want == catalog.Yes && v%3 == 0 {
			if got, err := c.HasFeature(ctx, key, catalog.WithVersion(text)); err != nil || got != want {
				t.Fatalf("version %d: %v, %v, want %v", v, got, err, want)
			}
		}
	}
}

func entry(t *testing.T, c catalog.Catalog, key core.FeatureKey, commits, rows, versions int64) {
	t.Helper()
	e, err := c.Entry(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if e.Commits != commits || e.Rows != rows || len(e.Containers) != 1 || e.Containers[0].Rows != rows || e.Containers[0].Versions != versions {
		t.Fatalf("%d commits of %d rows and %+v, want %d, %d and %d versions", e.Commits, e.Rows, e.Containers, commits, rows, versions)
	}
}

// Whole reports whether the catalog holds all of a commit or nothing of it.
func Whole(ctx context.Context, c catalog.Catalog, key core.FeatureKey, commits int64, each int64) error {
	e, err := c.Entry(ctx, key)
	if err != nil {
		return err
	}
	var history, versions int64
	for _, err := range c.History(ctx, key) {
		if err != nil {
			return err
		}
		history++
	}
	for v, err := range c.MaterializedVersions(ctx, key, Container) {
		if err != nil {
			return err
		}
		versions += v.Rows
	}
	var counted int64
	if len(e.Containers) > 0 {
		counted = e.Containers[0].Versions
	}
	if e.Commits != commits || history != commits || e.Rows != commits*each || versions != commits*each || counted != commits*each {
		return fmt.Errorf("%d commits, %d in the history, %d rows, %d rows of versions, %d versions; want %d of %d rows", e.Commits, history, e.Rows, versions, counted, commits, each)
	}
	return nil
}
