package storetest

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

func w5(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	before := e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns})
	fields := VideoSchema().Fields()
	retyped := append([]arrow.Field(nil), fields...)
	retyped[2].Type = arrow.BinaryTypes.String // size
	for what, bad := range map[string]struct {
		fields []arrow.Field
		row    []any
	}{
		"a missing column":  {append(append([]arrow.Field(nil), fields[:1]...), fields[2:]...), append([]any{"x"}, video("x", 1)[2:]...)},
		"a new column":      {append(append([]arrow.Field(nil), fields...), arrow.Field{Name: "extra", Type: arrow.PrimitiveTypes.Int8}), append(video("x", 1), 1)},
		"a retyped column":  {retyped, setCell(video("x", 1), 2, "1")},
		"no id column":      {fields[1:], video("x", 1)[1:]},
		"a null id":         {fields, setCell(video("x", 1), 0, nil)},
		"a null version":    {fields, setCell(video("x", 1), 6, nil)},
		"a null container":  {fields, setCell(video("x", 1), 6, []any{"f", nil})},
		"a reserved column": {append(append([]arrow.Field(nil), fields...), arrow.Field{Name: "metaxy_mine", Type: arrow.PrimitiveTypes.Int8}), append(video("x", 1), 1)},
		"a repeated column": {append(append([]arrow.Field(nil), fields...), fields[1]), append(video("x", 1), "p")},
	} {
		schema := arrow.NewSchema(bad.fields, nil)
		_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(schema, bad.row)})
		e.is("a write with "+what, err, core.ErrInvalid)
	}
	// The same id twice, in one batch and over two.
	for _, size := range []int{1, 10} {
		rows := RowsIn(e, e.mem, size, VideoSchema(), video("a", 1), video("b", 2), video("a", 3))
		_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: rows})
		e.is("a write with one id twice", err, core.ErrInvalid)
	}
	// A batch that is not what the rows promised.
	liar := e.rows(versionSchema([]string{"sample_id"}, "frames", "audio"), []any{"x", []any{"f", "a"}})
	liar.Schema = VideoSchema()
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: liar})
	e.is("a batch of another schema than the rows promise", err, core.ErrInvalid)
	e.same("rows after refused writes", before, e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns}))

	// The same columns in another order are no mismatch.
	order := []int{6, 3, 0, 5, 2, 1, 4}
	shuffled, row := make([]arrow.Field, len(order)), make([]any, len(order))
	for i, from := range order {
		shuffled[i], row[i] = fields[from], video("turned", 4)[from]
	}
	e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(arrow.NewSchema(shuffled, nil), row)})
	other := e.store()
	e.writeVideos(other, video("turned", 4))
	e.same("a row whose columns came in another order", e.read(other, core.ReadRequest{Key: KeyVideo}),
		e.read(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`sample_id = 'turned'`)}))
	// A refused first write leaves no feature behind.
	_, err = s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyLabel), Rows: e.rows(idSchema("sample_id"), []any{"x"})})
	e.is("a first write without versions", err, core.ErrInvalid)
	e.absent(s, KeyLabel)
}

var errSource = errors.New("the source broke")

// failing yields the batches of rows, then ends with an error.
func failing(rows core.Rows, err error, before func()) core.Rows {
	return core.Rows{Schema: rows.Schema, Batches: core.Once(func(yield func(arrow.RecordBatch, error) bool) {
		for b, e := range rows.Batches {
			if !yield(b, e) {
				return
			}
		}
		if before != nil {
			before()
		}
		yield(nil, err)
	})}
}

func w6(e *env) {
	s := e.store()
	req := core.WriteRequest{Plan: plan(KeyVideo), ID: "job", Rows: failing(e.rows(VideoSchema(), videos(0, 7)...), errSource, nil)}
	_, err := s.Write(e.ctx(), req)
	e.is("a first write whose source fails", err, errSource)
	e.absent(s, KeyVideo)
	e.writeVideos(s, videos(0, 3)...)
	before := e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns})
	for _, sentinel := range []error{errSource, core.ErrUnavailable, core.ErrIntegrity} {
		req.Rows = failing(e.rows(VideoSchema(), videos(2, 9)...), sentinel, nil)
		_, err = s.Write(e.ctx(), req)
		e.is("a write whose source fails", err, sentinel)
		req.Rows = failing(e.rows(VideoSchema()), sentinel, nil)
		_, err = s.Write(e.ctx(), req)
		e.is("a write whose source fails at once", err, sentinel)
	}
	e.same("rows after failed sources", before, e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns}))
	if g := e.stat(s, KeyVideo).Generation; g != 1 {
		e.Errorf("after failed sources the generation is %d, want 1", g)
	}
	// Nothing happened, so the id is free.
	req.Rows = e.rows(VideoSchema(), video("late", 1))
	if c := e.write(s, req); c.Seq != 2 || c.Rows != 1 {
		e.Errorf("the repeated write gave commit %d of %d rows, want 2 and 1", c.Seq, c.Rows)
	}
}

func w7(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	for _, polite := range []bool{true, false} {
		ctx, cancel := context.WithCancel(e.ctx())
		rows := e.rows(VideoSchema(), videos(3, 12)...)
		req := core.WriteRequest{Plan: plan(KeyVideo), ID: "job"}
		if polite { // the source notices, as a network stream would
			req.Rows = failing(rows, context.Canceled, cancel)
		} else { // only the store can notice
			req.Rows = afterEach(rows, func(n int) {
				if n == 1 {
					cancel()
				}
			})
		}
		_, err := s.Write(ctx, req)
		e.is("a write cancelled in mid-stream", err, context.Canceled)
		if got := sentinelOf(err); got != context.Canceled.Error() {
			e.Errorf("a cancelled write's error matches %q, want the context's alone", got)
		}
		cancel()
		if n := len(e.read(s, core.ReadRequest{Key: KeyVideo, History: true})); n != 3 {
			e.Errorf("after a cancelled write history holds %d rows, want 3", n)
		}
	}
	if g := e.stat(s, KeyVideo).Generation; g != 1 {
		e.Errorf("after cancelled writes the generation is %d, want 1", g)
	}
}

// afterEach calls f after each batch was consumed, counted from 1.
func afterEach(rows core.Rows, f func(n int)) core.Rows {
	return core.Rows{Schema: rows.Schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		n := 0
		for b, err := range rows.Batches {
			if !yield(b, err) {
				return
			}
			n++
			f(n)
		}
	}}
}

func w8(e *env) {
	s := e.store()
	var ranged atomic.Int64
	count := func(seq iter.Seq2[arrow.RecordBatch, error]) iter.Seq2[arrow.RecordBatch, error] {
		return func(yield func(arrow.RecordBatch, error) bool) {
			if ranged.Add(1) > 1 {
				yield(nil, errSource)
				return
			}
			seq(yield)
		}
	}
	for _, id := range []string{"", "job", "job"} {
		ranged.Store(0)
		rows := e.rows(VideoSchema(), videos(0, 7)...)
		e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: id, Rows: core.Rows{Schema: rows.Schema, Batches: count(rows.Batches)}})
		if n := ranged.Load(); n > 1 {
			e.Errorf("the source was ranged %d times", n)
		}
	}
	// A source that is not asked for may not be leaked either: a refused write ranges nothing it does not need.
	ranged.Store(0)
	rows := e.rows(idSchema("sample_id"), []any{"x"})
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: core.Rows{Schema: rows.Schema, Batches: count(rows.Batches)}})
	e.is("a write that lacks columns", err, core.ErrInvalid)
	if n := ranged.Load(); n != 0 {
		e.Errorf("a request that is wrong by its schema ranged over the source %d times", n)
	}
}
