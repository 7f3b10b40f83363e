package sqlite_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat/sqlcattest"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

// BenchmarkRegister registers commits of a million versions that nothing else
// has, one upon the other, in one feature.
func BenchmarkRegister(b *testing.B) {
	for name, mode := range map[string]catalog.Mode{"exact": catalog.Exact, "filter": catalog.Filter} {
		b.Run(name, func(b *testing.B) {
			c := open(b, temporary(b), sqlite.Keep(mode))
			defer c.Close()
			for seq := int64(1); b.Loop(); seq++ {
				if err := c.RegisterMaterialization(b.Context(), sqlcattest.Commit("bench/feature", seq, 1_000_000), sqlcattest.Fresh(1_000_000, uint64(seq))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSmall registers commits of ten rows.
func BenchmarkSmall(b *testing.B) {
	c := open(b, temporary(b))
	defer c.Close()
	for seq := int64(1); b.Loop(); seq++ {
		if err := c.RegisterMaterialization(b.Context(), sqlcattest.Commit("bench/feature", seq, 10), sqlcattest.Fresh(10, uint64(seq))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHasFeature asks for features among 20,000.
func BenchmarkHasFeature(b *testing.B) {
	const features = 20_000
	c := open(b, temporary(b))
	defer c.Close()
	keys := make([]core.FeatureKey, features)
	for i := range keys {
		keys[i] = core.FeatureKey(fmt.Sprintf("bench/f%d", i))
		if err := c.RegisterMaterialization(b.Context(), sqlcattest.Commit(keys[i], 1, 3), catalog.Versions{}); err != nil {
			b.Fatal(err)
		}
	}
	keys = append(keys, "bench/none")
	took := make([]time.Duration, 0, 1<<20)
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		if _, err := c.HasFeature(b.Context(), keys[i*7919%len(keys)]); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	quantiles(b, took)
}

// BenchmarkVersion asks for versions among ten million, half of which are there:
// in seven commits, which nothing merges, and in ten, while eight of them are
// being merged in the background.
func BenchmarkVersion(b *testing.B) {
	b.Run("settled", func(b *testing.B) { askVersions(b, 7) })
	b.Run("merging", func(b *testing.B) { askVersions(b, 10) })
}

func askVersions(b *testing.B, commits uint64) {
	const key core.FeatureKey = "bench/feature"
	c := open(b, temporary(b))
	defer c.Close()
	var there []string
	rows := int64(10_000_000 / commits)
	for seq := range commits {
		v := sqlcattest.Fresh(rows, seq)
		if err := c.RegisterMaterialization(b.Context(), sqlcattest.Commit(key, int64(seq)+1, rows), v); err != nil {
			b.Fatal(err)
		}
		n := 0
		for version := range v.Containers[0].Sorted {
			if n++; n%1000 == 0 {
				text, _ := catalog.DecodeVersion(version)
				there = append(there, text)
			}
		}
	}
	if _, err := c.HasFeature(b.Context(), key, catalog.WithVersion(there[0])); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, 1<<20)
	for i := 0; b.Loop(); i++ {
		want, version := catalog.Yes, there[i*7919%len(there)]
		if i%2 == 1 {
			want, version = catalog.No, sqlcattest.Digest(uint64(i))
		}
		began := time.Now()
		got, err := c.HasFeature(b.Context(), key, catalog.WithVersion(version))
		took = append(took, time.Since(began))
		if err != nil || got != want {
			b.Fatalf("%v, %v, want %v", got, err, want)
		}
	}
	quantiles(b, took)
}

func quantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}
