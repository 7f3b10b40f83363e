package storetest

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func readProperties() []property {
	return []property{
		{code: "R1", name: "missing_feature_is_not_found", run: r1, why: "only ErrFeatureNotFound may send a reader to the fallback"},
		{code: "R2", name: "no_match_is_zero_batches", run: r2, why: "an empty answer still has a schema that the next step builds on"},
		{code: "R3", name: "columns_in_the_order_asked", run: r3, why: "code reads columns by position"},
		{code: "R4", name: "filters_equal_the_reference", run: r4, why: "a filter that treats NULL differently selects other samples on another backend"},
		{code: "R5", name: "filter_on_unselected_column", run: r5, why: "what is tested need not be returned"},
		{code: "R6", name: "pushed_filter_leaves_no_residual", run: r6, why: "nobody filters again behind a store that says it did"},
		{code: "R7", name: "as_of_sees_exactly_the_past", run: r7, why: "an experiment must be able to see the data that it saw"},
		{code: "R8", name: "bad_requests_fail_in_read", run: r8, why: "an error from inside the loop comes after half the work"},
		{code: "R9", name: "break_releases_everything", run: r9, why: "readers that stop early must not leak"},
		{code: "R10", name: "never_ranged_holds_nothing", run: r10, why: "an answer that nobody looks at must cost nothing"},
		{code: "R11", name: "ranged_twice_is_equal_or_an_error", run: r11, why: "a second look that is silently empty is a wrong answer"},
		{code: "R12", name: "batch_valid_until_body_returns", run: r12, why: "memory that changes under the reader"},
		{code: "R13", name: "latest_row_by_commit_sequence", run: r13, why: "clocks run backwards; sequence numbers do not"},
	}
}

func r1(e *env) {
	s := e.store()
	for _, key := range []core.FeatureKey{KeyVideo, "nobody", "video"} {
		_, err := s.Read(e.ctx(), core.ReadRequest{Key: key})
		e.is("read of a missing feature", err, core.ErrFeatureNotFound)
		_, err = s.Read(e.ctx(), core.ReadRequest{Key: key, Columns: []string{"x"}, Filter: mustParse("x = 1"), Local: true})
		e.is("read of a missing feature's columns", err, core.ErrFeatureNotFound)
		_, err = s.Stat(e.ctx(), core.StatRequest{Key: key})
		e.is("stat of a missing feature", err, core.ErrFeatureNotFound)
		_, err = s.Evolve(e.ctx(), core.EvolveRequest{Key: key, Base: 1, Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: "x", Type: arrow.PrimitiveTypes.Int64}}})
		e.is("evolve of a missing feature", err, core.ErrFeatureNotFound)
	}
	e.writeVideos(s, video("a", 1))
	for _, key := range []core.FeatureKey{"video/ra", "video/raw2", "video_raw", "video-raw", "video"} {
		_, err := s.Read(e.ctx(), core.ReadRequest{Key: key})
		e.is("read of "+string(key)+" when there is only video/raw", err, core.ErrFeatureNotFound)
	}
}

func r2(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 5)...)
	for _, f := range []string{`sample_id = 'nobody'`, `size > 1000`, `size > 1 AND size < 2`, `FALSE`, `path IS NULL AND path = 'x'`} {
		rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Filter: mustParse(f), Columns: []string{"size", "sample_id"}})
		if err != nil {
			e.Errorf("filter %s: no match is no error, got %v", f, err)
			continue
		}
		want := arrow.NewSchema([]arrow.Field{VideoSchema().Field(2), VideoSchema().Field(0)}, nil)
		if !core.SameColumns(rows.Schema, want) {
			e.Errorf("filter %s: schema %v, want %v", f, rows.Schema, want)
		}
		for b, err := range rows.All() {
			if err != nil {
				e.Errorf("filter %s: %v", f, err)
				continue
			}
			e.Errorf("filter %s: a batch of %d rows, want no batch", f, b.NumRows())
		}
	}
}

func r3(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 5)...)
	all := []string{"sample_id", "path", "size", "score", "ok", "at", core.ColDataVersion}
	for _, columns := range [][]string{
		nil, {"size", "sample_id"}, {core.ColDataVersion}, {"at", "path", "sample_id", core.ColCommit}, allVideoColumns, {core.ColDeleted, "ok"}, {core.ColWrittenAt},
	} {
		rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Columns: columns})
		if err != nil {
			e.Errorf("columns %v: %v", columns, err)
			continue
		}
		want := columns
		if columns == nil {
			want = all
		}
		var got []string
		for _, f := range rows.Schema.Fields() {
			got = append(got, f.Name)
		}
		if !slices.Equal(want, got) {
			e.Errorf("columns %v give %v", columns, got)
		}
		n := int64(0)
		for b, err := range rows.All() {
			if err != nil {
				e.Fatal(err)
			}
			if !core.SameColumns(b.Schema(), rows.Schema) {
				e.Errorf("columns %v: a batch has %v", columns, b.Schema().Fields())
			}
			n += b.NumRows()
		}
		if n != 5 {
			e.Errorf("columns %v: %d rows, want 5", columns, n)
		}
	}
	for _, columns := range [][]string{{"size", "size"}, {"nope"}, {"sample_id", "Size"}, {""}, {"data_version.frames"}, {core.ColCommit, core.ColCommit}} {
		_, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Columns: columns})
		e.is("a read of columns that are unknown or repeated", err, core.ErrInvalid)
	}
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Columns: []string{}})
	if err != nil || rows.Schema.NumFields() != 0 {
		e.Errorf("no columns at all: %v, %v; want an answer of no columns", rows.Schema, err)
	} else if n, err := rows.Count(); n != 5 || err != nil {
		e.Errorf("no columns at all: %d rows (%v), want 5: a count", n, err)
	}
}

func r5(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 12)...)
	e.writeVideos(s, video("s004", 100))
	for f, want := range map[string][]string{
		`size = 7`:                                  {"s007"},
		`data_version.frames = 'f2'`:                {"s002"},
		`metaxy_commit = 2`:                         {"s004"},
		`metaxy_commit = 1 AND size < 2`:            {"s000", "s001"},
		`size IN (1, 100)`:                          {"s001", "s004"},
		`size = 4`:                                  nil, // only the old row has it
		`path LIKE '/data/s01%' AND at IS NOT NULL`: {"s010", "s011"},
		`metaxy_deleted`:                            nil,
	} {
		x, err := expr.Parse(f)
		if err != nil { // a bare boolean column is not in the language
			continue
		}
		e.same("filter "+f, want, e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: x}))
	}
}

func r8(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 5)...)
	for what, req := range map[string]core.ReadRequest{
		"an unknown column":                   {Columns: []string{"nope"}},
		"an unknown column in the filter":     {Filter: expr.Col("nope").Eq(1)},
		"an unknown field in the filter":      {Filter: expr.Col("data_version.nope").Eq("x")},
		"a literal of the wrong type":         {Filter: expr.Col("size").Eq("text")},
		"a pattern on a number":               {Filter: expr.Col("size").HasPrefix("1")},
		"a literal that is none":              {Filter: expr.Col("size").Eq(struct{}{})},
		"a commit before the first":           {AsOf: core.AtCommit(-1)},
		"a commit beyond the last":            {AsOf: core.AtCommit(2)},
		"a commit and a time":                 {AsOf: core.AsOf{Seq: 1, Time: epoch}},
		"a key that is none":                  {Key: "Video"},
		"a comparison of a struct":            {Filter: expr.Col("data_version").Eq("x")},
		"a filter that is wrong only by half": {Filter: expr.Or(expr.True(), expr.Col("nope").IsNull())},
	} {
		if req.Key == "" {
			req.Key = KeyVideo
		}
		rows, err := s.Read(e.ctx(), req)
		e.is("read with "+what, err, core.ErrInvalid)
		if err != nil && rows.Batches != nil {
			e.Errorf("read with %s: rows came with the error", what)
		}
	}
}

// r13 rewrites samples in an order that is not that of their values.
func r13(e *env) {
	s := e.store()
	for i, n := range []int{50, 10, 90, 20} {
		row := setCell(video("same", n), 5, epoch.AddDate(0, 0, -i)) // "at" runs backwards
		e.writeVideos(s, row, video(sampleID(i), 1000+n))
	}
	got := grep(e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id", "size", core.ColCommit}}), "sample_id", "same")
	e.same("the latest row", []string{`sample_id="same" size=20 metaxy_commit=4`}, got)
	history := grep(e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: []string{"sample_id", "size", core.ColCommit}}), "sample_id", "same")
	e.same("the history", []string{
		`sample_id="same" size=10 metaxy_commit=2`, `sample_id="same" size=20 metaxy_commit=4`,
		`sample_id="same" size=50 metaxy_commit=1`, `sample_id="same" size=90 metaxy_commit=3`,
	}, history)
	// A filter that the latest row fails must not let an older row through.
	e.same("an old value", nil, e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`size = 90`), Columns: nil}))
	var times []string
	for _, l := range e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: []string{core.ColCommit, core.ColWrittenAt}}) {
		times = append(times, field(l, core.ColCommit)+"@"+field(l, core.ColWrittenAt))
	}
	slices.Sort(times)
	if n := len(slices.Compact(times)); n != 4 {
		e.Errorf("%d different commit times and sequences, want one time a commit", n)
	}
}
