package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// rows builds rows that the end of the property releases, three a batch so that
// most tests see several batches.
func (e *env) rows(schema *arrow.Schema, rows ...[]any) core.Rows {
	return RowsIn(e, e.mem, 3, schema, rows...)
}

// write must succeed.
func (e *env) write(s core.Store, req core.WriteRequest) core.Commit {
	e.Helper()
	c, err := s.Write(e.ctx(), req)
	if err != nil {
		e.Fatalf("write %s: %v", req.Key(), err)
	}
	return c
}

// writeVideos appends rows of VideoSchema.
func (e *env) writeVideos(s core.Store, rows ...[]any) core.Commit {
	e.Helper()
	return e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), rows...)})
}

// retire writes tombstones for samples of a feature whose id is sample_id.
func (e *env) retire(s core.Store, key core.FeatureKey, ids ...string) core.Commit {
	e.Helper()
	var rows [][]any
	for _, id := range ids {
		rows = append(rows, []any{id})
	}
	return e.write(s, core.WriteRequest{Plan: plan(key), Tombstones: true, Rows: e.rows(idSchema("sample_id"), rows...)})
}

// read must succeed; the rows come as sorted lines.
func (e *env) read(s core.Store, req core.ReadRequest) []string {
	e.Helper()
	rows, err := s.Read(e.ctx(), req)
	if err != nil {
		e.Fatalf("read %s: %v", req.Key, err)
	}
	lines, err := Lines(rows)
	if err != nil {
		e.Fatalf("read %s: while ranging: %v", req.Key, err)
	}
	return lines
}

// ids reads one column of a feature's latest rows.
func (e *env) ids(s core.Store, req core.ReadRequest) []string {
	e.Helper()
	req.Columns = []string{"sample_id"}
	lines := e.read(s, req)
	for i, l := range lines {
		lines[i] = l[len(`sample_id="`) : len(l)-1]
	}
	return lines
}

func (e *env) stat(s core.Store, key core.FeatureKey) core.Info {
	e.Helper()
	info, err := s.Stat(e.ctx(), core.StatRequest{Key: key, Commits: -1})
	if err != nil {
		e.Fatalf("stat %s: %v", key, err)
	}
	return info
}

func (e *env) resolve(s core.Store, req core.ResolveRequest) core.Increment {
	e.Helper()
	inc, err := s.Resolve(e.ctx(), req)
	if err != nil {
		e.Fatalf("resolve %s: %v", req.Key(), err)
	}
	return inc
}

// same fails when two lists of lines differ.
func (e *env) same(what string, want, got []string) {
	e.Helper()
	if d := Diff(want, got); d != "" {
		e.Errorf("%s: %s", what, d)
	}
}

// is fails unless err matches the sentinel.
func (e *env) is(what string, err, sentinel error) {
	e.Helper()
	if !errors.Is(err, sentinel) {
		e.Errorf("%s: error is %v, want one that matches %q", what, err, sentinel)
	}
}

// absent fails unless the feature holds no commit.
func (e *env) absent(s core.Store, key core.FeatureKey) {
	e.Helper()
	_, err := s.Stat(e.ctx(), core.StatRequest{Key: key})
	e.is("stat of a feature that must not be there", err, core.ErrFeatureNotFound)
	for info, err := range s.List(e.ctx(), core.ListRequest{}) {
		if err != nil {
			e.Errorf("list: %v", err)
		} else if info.Key == key {
			e.Errorf("list shows %s, which has no commit", key)
		}
	}
}

// sentinelOf names what err matches: a sentinel, a context error, "" for nil.
// Two or none give a text that equals no sentinel.
func sentinelOf(err error) string {
	if err == nil {
		return ""
	}
	var names []string
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			names = append(names, s.Error())
		}
	}
	for _, s := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, s) {
			names = append(names, s.Error())
		}
	}
	if len(names) != 1 {
		return "not exactly one sentinel: " + err.Error()
	}
	return names[0]
}

// lineSet reads rows of an increment.
func (e *env) lines(what string, rows core.Rows) []string {
	e.Helper()
	l, err := Lines(rows)
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
	return l
}

// column cuts one column out of lines such as a="1" b="2"; values hold no blank.
func column(lines []string, name string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, field(l, name))
	}
	slices.Sort(out)
	return out
}
