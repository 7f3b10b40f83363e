package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
)

func concurrencyProperties() []property {
	return []property{
		{code: "C1", name: "linearizable_per_feature", run: c1, why: "a reader must see whole commits, in order, and never go back"},
		{code: "C2", name: "mixed_operations", run: c2, why: "every method is safe for concurrent use"},
	}
}

// c1 lets writers append commits of known size while readers look. A reader
// must see, of each commit, all rows or none; the commits that it sees must be
// 1…k without a gap; k must be at least what was acknowledged before the read
// began and at least what the same reader saw before.
func c1(e *env) {
	const writers, commits, size, readers = 3, 8, 4, 3
	s := e.store()
	e.writeVideos(s)
	var acked, running atomic.Int64
	acked.Store(1)
	running.Store(writers)
	var wg sync.WaitGroup
	problems := make(chan error, 100)
	report := func(format string, args ...any) {
		select {
		case problems <- fmt.Errorf(format, args...):
		default:
		}
	}
	seqs := make([][]int64, writers)
	for w := range writers {
		wg.Go(func() {
			defer running.Add(-1)
			for i := range commits {
				rows := make([][]any, size)
				for r := range rows {
					rows[r] = video(fmt.Sprintf("w%d-%d-%d", w, i, r), i)
				}
				b := Batch(goAllocator, VideoSchema(), rows...)
				c, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), ID: fmt.Sprintf("w%d-%d", w, i), Rows: core.RowsOf(b.Schema(), b)})
				if err != nil {
					report("write: %w", err)
					return
				}
				seqs[w] = append(seqs[w], c.Seq)
				for old := acked.Load(); old < c.Seq && !acked.CompareAndSwap(old, c.Seq); old = acked.Load() {
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			seen := int64(0)
			for last := false; !last; {
				last = running.Load() == 0 // one read after the last write
				floor := max(seen, acked.Load())
				k, err := lastWholeCommit(e, s, size)
				if err != nil {
					report("%w", err)
					return
				}
				if k < floor {
					report("a read saw commits up to %d although %d was acknowledged or seen before", k, floor)
					return
				}
				seen = k
			}
		})
	}
	wg.Wait()
	close(problems)
	for err := range problems {
		e.Error(err)
	}
	all := slices.Concat(seqs...)
	slices.Sort(all)
	for i, seq := range all {
		if seq != int64(i+2) {
			e.Fatalf("the writers were given sequences %v, want 2, 3, 4, … once each", all)
		}
	}
	for w, s := range seqs {
		if !slices.IsSorted(s) {
			e.Errorf("writer %d was given sequences %v, want rising ones", w, s)
		}
	}
	if n := e.stat(s, KeyVideo).Generation; n != 1+writers*commits {
		e.Errorf("the generation is %d, want %d", n, 1+writers*commits)
	}
}

// lastWholeCommit reads the history and checks that it is a prefix of whole commits.
func lastWholeCommit(e *env, s core.Store, size int) (int64, error) {
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, History: true, Columns: []string{core.ColCommit}})
	if err != nil {
		return 0, err
	}
	lines, err := Lines(rows)
	if err != nil {
		return 0, err
	}
	count := map[string]int{}
	for _, l := range lines {
		count[field(l, core.ColCommit)]++
	}
	for seq, n := range count {
		if n != size {
			return 0, fmt.Errorf("a read saw %d of the %d rows of commit %s", n, size, seq)
		}
	}
	last := int64(1) // the first is empty
	for count[fmt.Sprint(last+1)] > 0 {
		last++
	}
	if len(count) != int(last-1) {
		return 0, fmt.Errorf("a read saw %d commits of which the first gap is after %d", len(count), last)
	}
	return last, nil
}

// c2 runs every operation at once, for the race detector; each error must be one
// that the operation may have.
func c2(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 10)...)
	fine := func(err error, allowed ...error) error {
		if err == nil || slices.ContainsFunc(allowed, func(a error) bool { return errors.Is(err, a) }) {
			return nil
		}
		return err
	}
	ops := []func(i int) error{
		func(i int) error {
			b := Batch(goAllocator, VideoSchema(), video(sampleID(i), i))
			_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: core.RowsOf(b.Schema(), b)})
			return fine(err, core.ErrInvalid) // when Evolve came first
		},
		func(i int) error {
			b := Batch(goAllocator, idSchema("sample_id"), []any{sampleID(i)})
			_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Tombstones: true, Rows: core.RowsOf(b.Schema(), b)})
			return err
		},
		func(i int) error {
			rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Filter: mustParse(fmt.Sprintf("size > %d", i)), History: i%2 == 0})
			if err == nil {
				_, err = rows.Count()
			}
			return err
		},
		func(int) error {
			_, err := s.Resolve(e.ctx(), core.ResolveRequest{Plan: plan(KeyCrop)})
			return err
		},
		func(int) error {
			for _, err := range s.List(e.ctx(), core.ListRequest{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		func(int) error {
			_, err := s.Stat(e.ctx(), core.StatRequest{Key: KeyVideo, Commits: -1})
			return err
		},
		func(i int) error {
			_, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: 1 + i%2, Changes: []core.SchemaChange{addNote}})
			return fine(err, core.ErrConflict, core.ErrInvalid, core.ErrUnsupported)
		},
		func(int) error { _ = s.Capabilities(); return nil },
	}
	var wg sync.WaitGroup
	errs := make([]error, len(ops))
	for n, op := range ops {
		wg.Go(func() {
			for i := range 12 {
				if err := op(i); err != nil {
					errs[n] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for n, err := range errs {
		if err != nil {
			e.Errorf("operation %d of the mix: %v", n, err)
		}
	}
	// Close comes while readers read; each then ends, with rows or with ErrClosed.
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
	e.must("read", err)
	var closing sync.WaitGroup
	closing.Go(func() { _ = s.Close() })
	if _, err := rows.Count(); err != nil && !errors.Is(err, core.ErrClosed) {
		e.Errorf("a read during Close: %v, want rows or ErrClosed", err)
	}
	closing.Wait()
}
