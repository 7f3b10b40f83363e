package storetest

import (
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

func writeProperties() []property {
	return []property{
		{code: "W1", name: "rows_written_are_rows_read", run: w1, why: "a type that comes back changed is data lost without an error"},
		{code: "W2", name: "empty_write_is_a_commit", run: w2, why: "a pipeline that found nothing must still leave a trace, and the schema"},
		{code: "W3", name: "append_keeps_earlier_commits", run: w3, why: "history that changes cannot be reproduced"},
		{code: "W4", name: "same_id_same_commit", run: w4, why: "a retry after a lost answer must neither double rows nor hide a conflict"},
		{code: "W5", name: "schema_mismatch_is_invalid", run: w5, why: "a column of another type must not be bent into the stored one"},
		{code: "W6", name: "failed_source_leaves_nothing", run: w6, why: "half a commit looks like a whole one to every reader"},
		{code: "W7", name: "cancelled_source_leaves_nothing", run: w7, why: "a cancelled job must be safe to run again"},
		{code: "W8", name: "source_ranged_at_most_once", run: w8, why: "a stream from the network cannot be read twice"},
		{code: "W9", name: "batches_not_kept_nor_changed", run: w9, why: "callers reuse their buffers; a kept batch changes under the store"},
		{code: "W10", name: "read_your_writes", run: w10, why: "the next step of a pipeline reads what the last one wrote"},
		{code: "W11", name: "tombstone_hides_and_write_brings_back", run: w11, why: "a retired sample must vanish from the present and stay in the past"},
		{code: "W12", name: "data_version_is_checked", run: w12, why: "rows without versions can never be compared again"},
	}
}

func w2(e *env) {
	s := e.store()
	c := e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema())})
	if c.Seq != 1 || c.Rows != 0 {
		e.Errorf("an empty write gave commit %d of %d rows, want commit 1 of 0 rows", c.Seq, c.Rows)
	}
	if got := e.read(s, core.ReadRequest{Key: KeyVideo}); len(got) != 0 {
		e.Errorf("an empty commit reads as %d rows", len(got))
	}
	info := e.stat(s, KeyVideo)
	if info.Generation != 1 || len(info.Log) != 1 {
		e.Errorf("stat after an empty write: generation %d, %d commits in the log, want 1 and 1", info.Generation, len(info.Log))
	}
	if !core.SameColumns(info.Schema, VideoSchema()) {
		e.Errorf("an empty first write fixes the schema; stat gives %v", info.Schema)
	}
	// It is fixed: other columns are refused from now on.
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(versionSchema([]string{"sample_id"}, "frames", "audio"))})
	e.is("a write that lacks columns", err, core.ErrInvalid)
	if c := e.writeVideos(s); c.Seq != 2 {
		e.Errorf("the second empty write is commit %d, want 2", c.Seq)
	}
}

func w3(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 5)...)
	before := e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns})
	first := e.stat(s, KeyVideo).Log[0]
	e.writeVideos(s, video("s001", 90), video("new", 91))
	e.retire(s, KeyVideo, "s002")

	after := e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: allVideoColumns})
	var old []string
	for _, l := range after {
		if field(l, core.ColCommit) == "1" {
			old = append(old, l)
		}
	}
	e.same("rows of commit 1 after two more commits", before, old)
	if len(after) != 5+2+1 {
		e.Errorf("history holds %d rows, want 5 + 2 + 1 tombstone", len(after))
	}
	log := e.stat(s, KeyVideo).Log
	if len(log) != 3 || !sameCommit(log[0], first) {
		e.Errorf("the log is %+v, want 3 commits of which the first is %+v", log, first)
	}
	for i, c := range log {
		if c.Seq != int64(i+1) {
			e.Errorf("commit %d of the log has sequence %d", i+1, c.Seq)
		}
		if i > 0 && c.Time.Before(log[i-1].Time) {
			e.Errorf("commit %d is earlier than commit %d", i+1, i)
		}
	}
}

// allVideoColumns is every column of a stored video.
var allVideoColumns = []string{
	"sample_id", "path", "size", "score", "ok", "at", core.ColDataVersion,
	core.ColFeatureVersion, core.ColCommit, core.ColWrittenAt, core.ColDeleted,
}

func sameCommit(a, b core.Commit) bool {
	return a.Seq == b.Seq && a.ID == b.ID && a.Rows == b.Rows && a.Time.Equal(b.Time) && a.Tombstones == b.Tombstones &&
		a.FeatureVersion == b.FeatureVersion
}

func w4(e *env) {
	s := e.store()
	req := func(rows ...[]any) core.WriteRequest {
		return core.WriteRequest{Plan: plan(KeyVideo), ID: "job-1", Rows: e.rows(VideoSchema(), rows...)}
	}
	first := e.write(s, req(videos(0, 4)...))
	if first.ID != "job-1" || first.Seq != 1 || first.Rows != 4 {
		e.Errorf("the commit is %+v, want sequence 1, id job-1, 4 rows", first)
	}
	e.writeVideos(s, video("other", 7))
	again := e.write(s, req(videos(0, 4)...))
	if !sameCommit(first, again) {
		e.Errorf("the same write again gave %+v, want the first commit %+v", again, first)
	}
	if n := len(e.read(s, core.ReadRequest{Key: KeyVideo, History: true})); n != 5 {
		e.Errorf("after a repeated write history holds %d rows, want 5", n)
	}
	if g := e.stat(s, KeyVideo).Generation; g != 2 {
		e.Errorf("after a repeated write the generation is %d, want 2", g)
	}
	for what, rows := range map[string][][]any{
		"another value":      append(videos(0, 3), video("s003", 99)),
		"a row fewer":        videos(0, 3),
		"a row more":         videos(0, 5),
		"no rows":            nil,
		"another id":         append(videos(0, 3), video("s009", 3)),
		"another null":       append(videos(0, 3), setCell(video("s003", 3), 1, nil)),
		"another version":    append(videos(0, 3), setCell(video("s003", 3), 6, []any{"f3", "other"})),
		"another time value": append(videos(0, 3), setCell(video("s003", 3), 5, epoch)),
	} {
		_, err := s.Write(e.ctx(), req(rows...))
		e.is("the same id with "+what, err, core.ErrConflict)
	}
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), ID: "job-1", Tombstones: true, Rows: e.rows(idSchema("sample_id"), []any{"s000"})})
	e.is("the same id with tombstones", err, core.ErrConflict)
	if n := len(e.read(s, core.ReadRequest{Key: KeyVideo, History: true})); n != 5 {
		e.Errorf("after conflicts history holds %d rows, want 5", n)
	}
	// An id belongs to one feature.
	c := e.write(s, core.WriteRequest{Plan: plan(KeyLabel), ID: "job-1", Rows: e.rows(versionSchema([]string{"sample_id"}, "default"), []any{"l1", []any{"v"}})})
	if c.Seq != 1 || c.Rows != 1 {
		e.Errorf("the same id for another feature gave %+v, want a first commit", c)
	}
}

func setCell(row []any, i int, v any) []any {
	row[i] = v
	return row
}

func w10(e *env) {
	s := e.store()
	for i := range 5 {
		e.writeVideos(s, video(sampleID(i), i), video("again", 100+i))
		got := e.read(s, core.ReadRequest{Key: KeyVideo})
		if len(got) != i+2 {
			e.Fatalf("after write %d a read gives %d rows, want %d", i+1, len(got), i+2)
		}
		if latest := strings.Join(got, "\n"); !strings.Contains(latest, sampleID(i)) {
			e.Errorf("after write %d its sample is not there", i+1)
		}
		if info := e.stat(s, KeyVideo); info.Generation != int64(i+1) {
			e.Errorf("after write %d the generation is %d", i+1, info.Generation)
		}
	}
}

func w11(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 4)...)
	c := e.retire(s, KeyVideo, "s001", "s002", "never")
	if !c.Tombstones || c.Rows != 3 || c.Seq != 2 {
		e.Errorf("the tombstone commit is %+v, want sequence 2 of 3 rows, Tombstones", c)
	}
	e.same("ids after retiring two", []string{"s000", "s003"}, e.ids(s, core.ReadRequest{Key: KeyVideo}))
	e.same("ids as of the commit before", []string{"s000", "s001", "s002", "s003"}, e.ids(s, core.ReadRequest{Key: KeyVideo, AsOf: core.AtCommit(1)}))
	history := e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: []string{"sample_id", "path", core.ColCommit, core.ColDeleted}})
	e.same("tombstones in the history", []string{"never", "s001", "s002"}, column(grep(history, core.ColDeleted, "true"), "sample_id"))
	for _, l := range grep(history, core.ColDeleted, "true") {
		if field(l, "path") != "null" || field(l, core.ColCommit) != "2" {
			e.Errorf("a tombstone reads as %s, want null columns and commit 2", l)
		}
	}
	if n := len(grep(history, core.ColDeleted, "false")); n != 4 {
		e.Errorf("the history shows %d live rows, want 4", n)
	}
	if rows := e.stat(s, KeyVideo).Rows; rows != 2 && rows != -1 {
		e.Errorf("stat counts %d live samples, want 2", rows)
	}
	// A filter must not let the row below the tombstone through.
	req := core.ReadRequest{Key: KeyVideo, Filter: mustParse(`sample_id = 's001'`)}
	e.same("a retired sample by id", nil, e.ids(s, req))
	req.Filter = mustParse(`path = '/data/s001.mp4'`)
	e.same("a retired sample by value", nil, e.ids(s, req))
	e.writeVideos(s, video("s001", 1)) // even with its old version
	e.same("ids after writing one again", []string{"s000", "s001", "s003"}, e.ids(s, core.ReadRequest{Key: KeyVideo}))
	e.same("ids as of the tombstone", []string{"s000", "s003"}, e.ids(s, core.ReadRequest{Key: KeyVideo, AsOf: core.AtCommit(2)}))
	if _, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyLabel}); err == nil {
		e.Error("a tombstone made another feature appear")
	}
}
