package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

var errCanceled = context.Canceled

func cancelable(e *env) (context.Context, context.CancelFunc) { return context.WithCancel(e.ctx()) }

func errorProperties() []property {
	return []property{
		{code: "X1", name: "exactly_one_sentinel", run: x1, why: "callers branch on errors.Is; two matches or none make them guess"},
		{code: "X2", name: "error_names_op_and_key", run: x2, why: "a log line must say what was tried on what"},
		{code: "X3", name: "ended_context_does_nothing", run: x3, why: "cancelled work must not happen"},
		{code: "X4", name: "deadline_is_honoured", run: x4, why: "a caller that gave a deadline has left by then"},
		{code: "X5", name: "close_is_idempotent_then_closed", run: x5, why: "deferred closes run twice, and late calls must be told"},
		{code: "X6", name: "hostile_keys_are_invalid", run: x6, why: "keys become paths and table names"},
		{code: "X7", name: "zero_requests_do_not_panic", run: x7, why: "a forgotten field is a mistake, not a crash"},
		{code: "X8", name: "context_may_end_anywhere", run: x8, why: "a store that a cancelled call breaks fails for everybody else"},
	}
}

// mistake is a call that must fail in a known way.
type mistake struct {
	what string
	op   core.Op
	key  core.FeatureKey
	want error
	call func() error
}

// mistakes are calls on a store that holds video/raw.
func mistakes(e *env, s core.Store) []mistake {
	ctx := e.ctx()
	return []mistake{
		{"write of a wrong schema", core.OpWrite, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(idSchema("sample_id"), []any{"secretvalue"})})
			return err
		}},
		{"write of a null id", core.OpWrite, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), setCell(video("secretvalue", 1), 0, nil))})
			return err
		}},
		{"write of one id twice", core.OpWrite, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), video("secretvalue", 1), video("secretvalue", 2))})
			return err
		}},
		{"write that reuses an id", core.OpWrite, KeyVideo, core.ErrConflict, func() error {
			_, err := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), ID: "job", Rows: e.rows(VideoSchema(), video("secretvalue", 1))})
			return err
		}},
		{"read of a missing feature", core.OpRead, "nobody", core.ErrFeatureNotFound, func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: "nobody"})
			return err
		}},
		{"read of an unknown column", core.OpRead, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{"nope"}})
			return err
		}},
		{"read with a filter of the wrong type", core.OpRead, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Filter: expr.Col("size").Eq("secretvalue")})
			return err
		}},
		{"read as of a commit to come", core.OpRead, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, AsOf: core.AtCommit(99)})
			return err
		}},
		{"resolve without upstream", core.OpResolve, KeyEmbedding, core.ErrDependency, func() error {
			_, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyEmbedding)})
			return err
		}},
		{"resolve of a root without samples", core.OpResolve, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyVideo)})
			return err
		}},
		{"stat of a missing feature", core.OpStat, "nobody", core.ErrFeatureNotFound, func() error {
			_, err := s.Stat(ctx, core.StatRequest{Key: "nobody"})
			return err
		}},
		{"evolve of a missing feature", core.OpEvolve, "nobody", core.ErrFeatureNotFound, func() error {
			_, err := s.Evolve(ctx, core.EvolveRequest{Key: "nobody", Base: 1, Changes: []core.SchemaChange{addNote}})
			return err
		}},
		{"evolve of nothing", core.OpEvolve, KeyVideo, core.ErrInvalid, func() error {
			_, err := s.Evolve(ctx, core.EvolveRequest{Key: KeyVideo, Base: 1})
			return err
		}},
	}
}

func x1(e *env) {
	s := e.store()
	e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: "job", Rows: e.rows(VideoSchema(), videos(0, 3)...)})
	for _, m := range mistakes(e, s) {
		err := m.call()
		if got := sentinelOf(err); got != m.want.Error() {
			e.Errorf("%s: error matches %q, want exactly %q: %v", m.what, got, m.want, err)
		}
		if err != nil && strings.Contains(err.Error(), "secretvalue") {
			e.Errorf("%s: the error quotes a row's or a filter's value: %v", m.what, err)
		}
	}
}

func x2(e *env) {
	s := e.store()
	e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: "job", Rows: e.rows(VideoSchema(), videos(0, 3)...)})
	for _, m := range mistakes(e, s) {
		err := m.call()
		var ce *core.Error
		switch {
		case !errors.As(err, &ce):
			e.Errorf("%s: %v is no *core.Error", m.what, err)
		case ce.Op != m.op || ce.Key != m.key || ce.Layer == "":
			e.Errorf("%s: the error says op %q, key %q, layer %q; want %q, %q and a name", m.what, ce.Op, ce.Key, ce.Layer, m.op, m.key)
		}
	}
}

// everyOp calls each operation with a request that is right in itself.
func everyOp(e *env, s core.Store, ctx context.Context) map[core.Op]error {
	errs := map[core.Op]error{}
	_, errs[core.OpWrite] = s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), video("x", 1))})
	rows, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo})
	if err == nil {
		_, err = rows.Count()
	}
	errs[core.OpRead] = err
	_, errs[core.OpResolve] = s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyCrop)})
	errs[core.OpList] = nil
	for _, err := range s.List(ctx, core.ListRequest{}) {
		if err != nil {
			errs[core.OpList] = err
		}
	}
	_, errs[core.OpStat] = s.Stat(ctx, core.StatRequest{Key: KeyVideo})
	_, errs[core.OpEvolve] = s.Evolve(ctx, core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: []core.SchemaChange{addNote}})
	return errs
}

// unchanged fails when a store that held 3 videos holds something else.
func unchanged(e *env, s core.Store, before string) {
	e.Helper()
	if after := infoLine(e.stat(s, KeyVideo)); after != before {
		e.Errorf("the store changed: before %s, after %s", before, after)
	}
}

func x3(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	before := infoLine(e.stat(s, KeyVideo))
	ctx, cancel := cancelable(e)
	cancel()
	for op, err := range everyOp(e, s, ctx) {
		if got := sentinelOf(err); got != context.Canceled.Error() {
			e.Errorf("%s with a context that has ended: error matches %q, want the context's: %v", op, got, err)
		}
	}
	unchanged(e, s, before)
}

func x4(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	before := infoLine(e.stat(s, KeyVideo))
	ctx, cancel := context.WithDeadline(e.ctx(), time.Unix(1, 0)) // long past, so no clock is waited for
	defer cancel()
	for op, err := range everyOp(e, s, ctx) {
		if got := sentinelOf(err); got != context.DeadlineExceeded.Error() {
			e.Errorf("%s past its deadline: error matches %q, want the deadline's: %v", op, got, err)
		}
	}
	unchanged(e, s, before)
	// A read whose context ends between batches stops with its error, or had everything at hand.
	manyBatches(e, s)
	ctx, stop := cancelable(e)
	defer stop()
	want := len(e.read(s, core.ReadRequest{Key: KeyVideo}))
	rows, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo})
	if err != nil {
		e.Fatal(err)
	}
	n, failed := 0, false
	for b, err := range rows.All() {
		if err != nil {
			e.is("a read cancelled on the way", err, context.Canceled)
			failed = true
			break
		}
		n += int(b.NumRows())
		stop()
	}
	if !failed && n != want {
		e.Errorf("a read cancelled on the way gives %d of %d rows and no error", n, want)
	}
}

func x5(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	for i := range 3 {
		if err := s.Close(); err != nil {
			e.Errorf("close number %d: %v", i+1, err)
		}
	}
	for op, err := range everyOp(e, s, e.ctx()) {
		if got := sentinelOf(err); got != core.ErrClosed.Error() {
			e.Errorf("%s after Close: error matches %q, want ErrClosed: %v", op, got, err)
		}
	}
	_ = s.Capabilities() // still answers
	fresh := e.store()
	if err := fresh.Close(); err != nil {
		e.Errorf("close of an unused store: %v", err)
	}
}

func x6(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 3)...)
	for _, key := range []string{
		"", ".", "..", "../video/raw", "video/../raw", "/video", "video/", "video//raw", "a\x00b", "video/raw\x00", strings.Repeat("a", 10_000),
		strings.Repeat("a/", 200) + "a", "Video", "vidéo", "видео", "a b", "a;drop table x", `a"b`, "a'b", "a__b", "9a", "-a", "a%b", "a\\b", "a\nb", "video/raw ",
	} {
		k := core.FeatureKey(key)
		_, readErr := s.Read(e.ctx(), core.ReadRequest{Key: k})
		_, statErr := s.Stat(e.ctx(), core.StatRequest{Key: k})
		_, evolveErr := s.Evolve(e.ctx(), core.EvolveRequest{Key: k, Base: 1, Changes: []core.SchemaChange{addNote}})
		for op, err := range map[core.Op]error{core.OpRead: readErr, core.OpStat: statErr, core.OpEvolve: evolveErr} {
			if got := sentinelOf(err); got != core.ErrInvalid.Error() {
				e.Errorf("%s of key %.40q: error matches %q, want ErrInvalid", op, key, got)
			}
			if err != nil && (len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x00\n")) {
				e.Errorf("%s of key %.40q: the error repeats the key as it is (%d bytes)", op, key, len(err.Error()))
			}
		}
	}
	longest := core.FeatureKey(strings.Repeat("a", core.MaxKeyBytes))
	e.writeSimple(s, string(longest), "x")
	e.writeSimple(s, "_/0/-"[:3], "y")
	if got := e.ids(s, core.ReadRequest{Key: longest}); len(got) != 1 {
		e.Errorf("the longest key reads as %v", got)
	}
}

func x7(e *env) {
	for _, held := range []bool{false, true} {
		s := e.store()
		if held {
			e.writeVideos(s, videos(0, 2)...)
		}
		_, write := s.Write(e.ctx(), core.WriteRequest{})
		_, noRows := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo)})
		_, noSchema := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Tombstones: true, Rows: core.Rows{Replayable: true}})
		_, byHand := s.Write(e.ctx(), core.WriteRequest{Plan: &core.Plan{}, Rows: core.RowsOf(VideoSchema())})
		_, read := s.Read(e.ctx(), core.ReadRequest{})
		_, resolve := s.Resolve(e.ctx(), core.ResolveRequest{})
		_, planByHand := s.Resolve(e.ctx(), core.ResolveRequest{Plan: &core.Plan{Feature: core.FeatureSpec{Key: KeyVideo}}})
		_, stat := s.Stat(e.ctx(), core.StatRequest{})
		_, evolve := s.Evolve(e.ctx(), core.EvolveRequest{})
		_, noType := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: []core.SchemaChange{{}}})
		for what, err := range map[string]error{
			"write": write, "write without rows": noRows, "tombstones without a schema": noSchema, "write with a plan made by hand": byHand, "read": read,
			"resolve": resolve, "resolve with a plan made by hand": planByHand, "stat": stat, "evolve": evolve, "evolve of an empty change": noType,
		} {
			got := sentinelOf(err)
			if got != core.ErrInvalid.Error() && (what != "evolve of an empty change" || got != core.ErrFeatureNotFound.Error()) {
				e.Errorf("%s: a zero request's error matches %q, want ErrInvalid: %v", what, got, err)
			}
		}
		for _, err := range s.List(e.ctx(), core.ListRequest{}) {
			if err != nil {
				e.Errorf("list of everything: %v", err)
			}
		}
		// Rows whose iterator is missing are rows without batches.
		c, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyLabel), Rows: core.Rows{Schema: versionSchema([]string{"sample_id"}, "default")}})
		if err != nil || c.Rows != 0 {
			e.Errorf("rows without an iterator: %d rows, %v; want an empty commit", c.Rows, err)
		}
		// A nil batch is a bug of the source, and an error here.
		nilBatch := core.Rows{Schema: VideoSchema(), Batches: func(yield func(arrow.RecordBatch, error) bool) { yield(nil, nil) }}
		if _, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: nilBatch}); err == nil {
			e.Error("a nil batch was written")
		} else if sentinelOf(err) != core.ErrInvalid.Error() {
			e.Errorf("a nil batch: %v, want ErrInvalid", fmt.Errorf("%w", err))
		}
	}
}
