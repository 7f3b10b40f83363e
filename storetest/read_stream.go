package storetest

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// manyBatches writes commits that most stores will not merge into one batch.
func manyBatches(e *env, s core.Store) {
	for i := range 4 {
		e.writeVideos(s, videos(100*i, 100*i+40)...)
	}
}

func r9(e *env) {
	s := e.store()
	manyBatches(e, s)
	for _, req := range []core.ReadRequest{{Key: KeyVideo}, {Key: KeyVideo, History: true}, {Key: KeyVideo, Filter: mustParse(`size > 3`)}} {
		for stop := range 3 {
			rows, err := s.Read(e.ctx(), req)
			if err != nil {
				e.Fatal(err)
			}
			n := 0
			for _, err := range rows.All() {
				if err != nil {
					e.Fatal(err)
				}
				if n++; n > stop {
					break
				}
			}
		}
		// Leaving by a panic releases too: the consumer's defer runs the iterator's.
		rows, err := s.Read(e.ctx(), req)
		if err != nil {
			e.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			for range rows.All() {
				panic("the consumer broke")
			}
		}()
	}
	// The store still answers, so nothing stayed locked.
	e.writeVideos(s, video("after", 1))
	if got := e.ids(s, core.ReadRequest{Key: KeyVideo}); !slices.Contains(got, "after") {
		e.Error("after loops that ended early a write is not seen")
	}
}

func r10(e *env) {
	s := e.store()
	manyBatches(e, s)
	for range 20 {
		if _, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo}); err != nil {
			e.Fatal(err)
		}
		if _, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Filter: mustParse(`size > 3`), Columns: []string{"path"}}); err != nil {
			e.Fatal(err)
		}
		rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
		if err != nil {
			e.Fatal(err)
		}
		rows.Reader().Release() // never read from
		_ = s.List(e.ctx(), core.ListRequest{})
	}
	e.writeVideos(s, video("after", 1)) // no lock is held
}

func r11(e *env) {
	s := e.store()
	manyBatches(e, s)
	for _, req := range []core.ReadRequest{{Key: KeyVideo}, {Key: KeyVideo, Filter: mustParse(`size > 3`)}, {Key: KeyVideo, Filter: mustParse(`FALSE`)}} {
		rows, err := s.Read(e.ctx(), req)
		if err != nil {
			e.Fatal(err)
		}
		first := e.lines("first range", rows)
		again, err := Lines(rows)
		if rows.Replayable {
			if err != nil {
				e.Errorf("replayable rows, ranged again: %v", err)
			}
			e.same("replayable rows, ranged again", first, again)
		} else if err == nil {
			e.Errorf("single-use rows, ranged again: %d rows and no error, want an error", len(again))
		}
		// The same after a loop that ended early, and from within a loop.
		rows, err = s.Read(e.ctx(), req)
		if err != nil {
			e.Fatal(err)
		}
		for range rows.All() {
			break
		}
		if again, err := Lines(rows); err == nil && !slices.Equal(again, first) {
			e.Errorf("ranged again after an early end: %d rows and no error, want %d rows or an error", len(again), len(first))
		}
	}
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
	if err != nil {
		e.Fatal(err)
	}
	for range rows.All() {
		_, _ = Lines(rows)
	}
}

func r12(e *env) {
	s := e.store()
	manyBatches(e, s)
	want := e.read(s, core.ReadRequest{Key: KeyVideo})
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
	if err != nil {
		e.Fatal(err)
	}
	var kept []arrow.RecordBatch
	defer func() { core.ReleaseAll(kept) }()
	var within []string
	for b, err := range rows.All() {
		if err != nil {
			e.Fatal(err)
		}
		lines := BatchLines(b)
		// Other calls while the body runs: they must neither free nor change the batch, nor block.
		e.read(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`size < 10`)})
		if _, err := s.Stat(e.ctx(), core.StatRequest{Key: KeyVideo}); err != nil {
			e.Fatal(err)
		}
		if d := Diff(lines, BatchLines(b)); d != "" {
			e.Errorf("a batch changed while the loop body ran: %s", d)
		}
		within = append(within, lines...)
		b.Retain()
		kept = append(kept, b)
	}
	e.writeVideos(s, videos(0, 400)...)
	var after []string
	for _, b := range kept {
		after = append(after, BatchLines(b)...)
	}
	slices.Sort(within)
	slices.Sort(after)
	e.same("rows within the loop", want, within)
	e.same("retained batches after the loop and a write", want, after)
}
