package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/storetest/internal/naive"
)

// r4 compares filters with the row-by-row evaluator, over data with several
// commits, nulls and tombstones.
func r4(e *env) {
	fixed := e.store()
	e.writeVideos(fixed, videos(0, 20)...)
	e.writeVideos(fixed, videos(5, 9)...)
	e.retire(fixed, KeyVideo, "s006")
	m := newTable(VideoSchema(), videos(0, 20), videos(5, 9))
	m.retire("s006")
	for _, f := range everyKind {
		want := m.ids(mustParse(f))
		e.same("filter "+f, want, e.ids(fixed, core.ReadRequest{Key: KeyVideo, Filter: mustParse(f)}))
	}
	e.check(20, func(rt *rapid.T) {
		s := e.cfg.New(e.tb())
		defer func() { _ = s.Close() }()
		schema := Schemas("frames", "audio").Draw(rt, "schema")
		table := newTable(schema)
		for range rapid.IntRange(1, 3).Draw(rt, "commits") {
			rows := Tables(schema, 8).Draw(rt, "rows")
			table.write(rows)
			if err := writeBatch(e, s, core.WriteRequest{Plan: plan(KeyVideo)}, schema, rows); err != nil {
				rt.Fatalf("write: %v", err)
			}
		}
		if gone := rapid.SliceOfNDistinct(rapid.IntRange(0, 16), 0, 3, rapid.ID[int]).Draw(rt, "retired"); len(gone) > 0 {
			rows := make([][]any, len(gone))
			for i, id := range gone {
				rows[i] = []any{sampleID(id)}
				table.retire(sampleID(id))
			}
			if err := writeBatch(e, s, core.WriteRequest{Plan: plan(KeyVideo), Tombstones: true}, idSchema("sample_id"), rows); err != nil {
				rt.Fatalf("retire: %v", err)
			}
		}
		for range 6 {
			f := Filters(schema).Draw(rt, "filter")
			rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Filter: f, Columns: []string{"sample_id"}})
			if err != nil {
				rt.Fatalf("filter %s over %v: %v", f, schema.Fields(), err)
			}
			got, err := Lines(rows)
			if err != nil {
				rt.Fatalf("filter %s: %v", f, err)
			}
			want := table.ids(f)
			for i := range want {
				want[i] = fmt.Sprintf("sample_id=%q", want[i])
			}
			if d := Diff(want, got); d != "" {
				rt.Fatalf("filter %s: %s\nrows:\n%s", f, d, strings.Join(table.dump(), "\n"))
			}
		}
	})
}

// everyKind has each kind of node, with nulls in its way.
var everyKind = []string{
	`size = 7`, `size <> 7`, `size < 7`, `size <= 7`, `size > 7`, `size >= 7`, `NOT size = 7`, `score = 1.5`, `size > 3.5`, `score >= 4`,
	`path = '/data/s001.mp4'`, `path > '/data/s010'`, `path LIKE '%s00_.mp4'`, `path LIKE '/data/%'`, `NOT path LIKE '%1%'`,
	`size IN (1, 3, 99)`, `size IN (1, NULL)`, `NOT size IN (1, NULL)`, `NOT size IN (1, 2)`, `size BETWEEN 3 AND 8`, `NOT size BETWEEN 3 AND 8`,
	`path IS NULL`, `path IS NOT NULL`, `ok = TRUE`, `ok <> TRUE`, `size = 3 OR path IS NULL`, `NOT (size = 3 AND path = 'x')`,
	`NOT (size > 3 OR path = '/data/s001.mp4')`, `at = TIMESTAMP '2026-01-02T03:04:10Z'`, `at < TIMESTAMP '2026-01-02T03:04:10Z'`,
	`data_version.frames = 'f3'`, `data_version.audio > 'a1' AND size < 12`, `sample_id = 's003'`, `sample_id IN ('s003', 's006', 's007')`,
	`sample_id > 's003' AND size < 12`, `sample_id = 's003' OR size = 4`, `TRUE`, `FALSE`,
}

// table is what a feature should hold, kept in the most obvious way.
type table struct {
	schema *arrow.Schema
	rows   map[string][]any
}

func newTable(schema *arrow.Schema, commits ...[][]any) *table {
	t := &table{schema: schema, rows: map[string][]any{}}
	for _, rows := range commits {
		t.write(rows)
	}
	return t
}

func (t *table) write(rows [][]any) {
	for _, r := range rows {
		t.rows[r[0].(string)] = r
	}
}

func (t *table) retire(id string) { delete(t.rows, id) }

// ids of the live rows for which f is true.
func (t *table) ids(f expr.Expr) []string {
	ids := []string{}
	for id, row := range t.rows {
		if naive.Eval(f, t.get(row)) == naive.True {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (t *table) dump() []string {
	lines := []string{fmt.Sprint(t.schema.Fields())}
	for _, row := range t.rows {
		lines = append(lines, fmt.Sprintf("%v", row))
	}
	slices.Sort(lines)
	return lines
}

// get finds a column, or a field of a struct.
func (t *table) get(row []any) func(path []string) any {
	return func(path []string) any {
		at := t.schema.FieldIndices(path[0])[0]
		v, typ := row[at], t.schema.Field(at).Type
		for _, name := range path[1:] {
			if v == nil {
				return nil
			}
			st := typ.(*arrow.StructType)
			i, _ := st.FieldIdx(name)
			v, typ = v.([]any)[i], st.Field(i).Type
		}
		return v
	}
}

// writeBatch writes Go values as one batch and releases it at once.
func writeBatch(e *env, s core.Store, req core.WriteRequest, schema *arrow.Schema, rows [][]any) error {
	b := Batch(e.mem, schema, rows...)
	defer b.Release()
	req.Rows = core.RowsOf(schema, b)
	_, err := s.Write(e.ctx(), req)
	return err
}

// r6: what Read returns is the answer, whether or not storage evaluated it.
func r6(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 20)...)
	claimed := s.Capabilities().PushFilters
	m := newTable(VideoSchema(), videos(0, 20))
	for _, f := range everyKind {
		x := mustParse(f)
		if claimed.Has(x.Kinds()) {
			e.same("pushed filter "+f, m.ids(x), e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: x}))
		}
		// Half pushed, half not: the conjunction with something unusual.
		y := expr.And(x, mustParse(`NOT (path LIKE '%_4.mp%' OR score BETWEEN 2 AND 3)`))
		e.same("filter "+y.String(), m.ids(y), e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: y}))
	}
	if claimed&^expr.AllKinds != 0 {
		e.Errorf("PushFilters claims kinds that do not exist: %s", claimed)
	}
}

func r7(e *env) {
	s := e.store()
	m := newTable(VideoSchema())
	var states [][]string
	var histories []int
	total := 0
	for i, step := range []func() int{
		func() int { e.writeVideos(s, videos(0, 6)...); m.write(videos(0, 6)); return 6 },
		func() int { e.writeVideos(s, video("s001", 50)); m.write([][]any{video("s001", 50)}); return 1 },
		func() int { e.retire(s, KeyVideo, "s002", "s001"); m.retire("s001"); m.retire("s002"); return 2 },
		func() int { e.writeVideos(s); return 0 },
		func() int { e.writeVideos(s, video("s002", 60)); m.write([][]any{video("s002", 60)}); return 1 },
	} {
		total += step()
		states, histories = append(states, m.ids(nil)), append(histories, total)
		for seq := range int64(i + 1) {
			req := core.ReadRequest{Key: KeyVideo, AsOf: core.AtCommit(seq + 1)}
			e.same(fmt.Sprintf("after %d commits, as of %d", i+1, seq+1), states[seq], e.ids(s, req))
			req.History = true
			if n := len(e.read(s, req)); n != histories[seq] {
				e.Errorf("after %d commits, history as of %d holds %d rows, want %d", i+1, seq+1, n, histories[seq])
			}
		}
	}
	e.same("the old value", []string{`sample_id="s001" size=1`}, e.read(s, core.ReadRequest{
		Key: KeyVideo, AsOf: core.AtCommit(1), Filter: mustParse(`sample_id = 's001'`), Columns: []string{"sample_id", "size"},
	}))
	e.same("a value as of when it was not yet", nil, e.ids(s, core.ReadRequest{Key: KeyVideo, AsOf: core.AtCommit(1), Filter: mustParse(`size = 50`)}))
	r7Time(e, s, states)
}

// r7Time asks by the commits' own times, so no clock is needed. Commits may
// share a time; then the last of them answers.
func r7Time(e *env, s core.Store, states [][]string) {
	log := e.stat(s, KeyVideo).Log
	for i, c := range log {
		last := i
		for last+1 < len(log) && !log[last+1].Time.After(c.Time) {
			last++
		}
		e.same(fmt.Sprintf("as of the time of commit %d", c.Seq), states[last], e.ids(s, core.ReadRequest{Key: KeyVideo, AsOf: core.AtTime(c.Time)}))
	}
	before := core.ReadRequest{Key: KeyVideo, AsOf: core.AtTime(log[0].Time.AddDate(-1, 0, 0))}
	e.same("as of a time before the first commit", nil, e.ids(s, before))
}
