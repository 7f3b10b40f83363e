package audit

import (
	"testing"
	"time"
)

// One call makes two records: the decision and the outcome.
func BenchmarkCall(b *testing.B) {
	for name, policy := range map[string]SyncPolicy{"batch": SyncBatch, "none": SyncNone, "each": SyncEach} {
		b.Run(name, func(b *testing.B) {
			l := open(b, b.TempDir(), Sync(policy))
			decision, outcome := event(0), event(12)
			b.ReportAllocs()
			for b.Loop() {
				if l.Record(b.Context(), decision) != nil || l.Record(b.Context(), outcome) != nil {
					b.Fatal("not recorded")
				}
			}
		})
		b.Run(name+"-64-callers", func(b *testing.B) {
			l := open(b, b.TempDir(), Sync(policy))
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if l.Record(b.Context(), event(0)) != nil || l.Record(b.Context(), event(12)) != nil {
						b.Error("not recorded")
					}
				}
			})
		})
	}
	b.Run("async", func(b *testing.B) {
		a, err := NewAsync(open(b, b.TempDir()), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		defer a.Close()
		decision, outcome := event(0), event(12)
		for b.Loop() {
			if a.Record(b.Context(), decision) != nil || a.Record(b.Context(), outcome) != nil {
				b.Fatal("not recorded")
			}
		}
	})
}

func BenchmarkVerify100k(b *testing.B) {
	dir := b.TempDir()
	l := open(b, dir, Sync(SyncNone), CheckpointEvery(1000, time.Hour))
	record(b, l, 0, 100_000)
	closed(b, l)
	for b.Loop() {
		if r := verified(b, dir); r.Events != 100_000 {
			b.Fatal(r)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e := event(0)
	w := &encoder{}
	for b.Loop() {
		w.buf = w.buf[:0]
		w.event(e)
	}
	b.SetBytes(int64(len(w.buf)))
}
