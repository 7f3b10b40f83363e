package memory_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// model is a store of one feature as one would write it down: a list of rows.
type model struct {
	rows    []modelRow
	columns []modelColumn
	parts   []string // containers
	commits []core.Commit
	version int
	plans   map[string]*core.Plan // by containers
	sent    map[string][]modelRow // by write id
	sentAs  map[string]sentShape
}

type sentShape struct {
	columns []modelColumn
	parts   []string
}

type modelColumn struct {
	name string
	wide bool // int64, else int32
}

type modelRow struct {
	seq    int64
	dead   bool // a tombstone
	id     int
	values []int             // by column, missing: null
	parts  map[string]string // data version
}

// at is what a read shows right after a commit.
func (m *model) at(seq int64, history bool) []modelRow {
	latest := map[int]int64{}
	for _, r := range m.rows {
		if r.seq <= seq {
			latest[r.id] = r.seq
		}
	}
	var out []modelRow
	for _, r := range m.rows {
		if r.seq <= seq && (history || !r.dead && latest[r.id] == r.seq) {
			out = append(out, r)
		}
	}
	return out
}

// show prints a row as the store should give it.
func (m *model) show(r modelRow) string {
	out := []string{strconv.Itoa(r.id)}
	for i := range m.columns {
		if r.dead || i >= len(r.values) {
			out = append(out, "null")
		} else {
			out = append(out, strconv.Itoa(r.values[i]))
		}
	}
	for _, p := range m.parts {
		if v, ok := r.parts[p]; ok && !r.dead {
			out = append(out, v)
		} else {
			out = append(out, "null")
		}
	}
	return strings.Join(append(out, strconv.FormatInt(r.seq, 10), strconv.FormatBool(r.dead)), " ")
}

func (m *model) readColumns() []string {
	names := []string{"sample_id"}
	for _, c := range m.columns {
		names = append(names, c.name)
	}
	return append(names, core.ColDataVersion, core.ColCommit, core.ColDeleted)
}

func (m *model) read(t *rapid.T, s core.Store) {
	req := core.ReadRequest{Key: "f/model", Columns: m.readColumns(), History: rapid.Bool().Draw(t, "history")}
	seq := int64(len(m.commits))
	if seq == 0 {
		if _, err := s.Read(t.Context(), req); !errors.Is(err, core.ErrFeatureNotFound) {
			t.Fatalf("no commit yet: %v", err)
		}
		return
	}
	switch rapid.IntRange(0, 2).Draw(t, "when") {
	case 1:
		seq = rapid.Int64Range(1, seq).Draw(t, "seq")
		req.AsOf = core.AtCommit(seq)
	case 2:
		at := m.commits[rapid.Int64Range(1, seq).Draw(t, "time of")-1].Time
		req.AsOf = core.AtTime(at)
		for seq > 0 && m.commits[seq-1].Time.After(at) {
			seq--
		}
	}
	want := m.at(seq, req.History)
	if rapid.Bool().Draw(t, "filtered") {
		above := rapid.IntRange(-1, 12).Draw(t, "ids above")
		commit := rapid.Int64Range(1, 6).Draw(t, "commits up to")
		req.Filter = expr.And(expr.Col("sample_id").Gt(above), expr.Col(core.ColCommit).Le(commit))
		want = slices.DeleteFunc(want, func(r modelRow) bool { return r.id <= above || r.seq > commit })
	}
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the rows are replayable
		var got []string
		for batch, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, printRows(batch)...)
		}
		var expect []string
		for _, r := range want {
			expect = append(expect, m.show(r))
		}
		if !slices.Equal(got, expect) {
			t.Fatalf("read %+v\n got %q\nwant %q", req, got, expect)
		}
	}
}

// printRows prints one line a row, structs spread out.
func printRows(batch arrow.RecordBatch) []string {
	out := make([]string, batch.NumRows())
	for i := range out {
		var cells []string
		for _, col := range batch.Columns() {
			if st, ok := col.(*array.Struct); ok {
				for f := range st.NumField() {
					cell := "null"
					if st.IsValid(i) && st.Field(f).IsValid(i) {
						cell = st.Field(f).ValueStr(i)
					}
					cells = append(cells, cell)
				}
				continue
			}
			if col.IsNull(i) {
				cells = append(cells, "null")
				continue
			}
			cells = append(cells, col.ValueStr(i))
		}
		out[i] = strings.Join(cells, " ")
	}
	return out
}

func (m *model) stat(t *rapid.T, s core.Store) {
	info, err := s.Stat(t.Context(), core.StatRequest{Key: "f/model", Commits: -1})
	if len(m.commits) == 0 {
		if !errors.Is(err, core.ErrFeatureNotFound) {
			t.Fatalf("no commit yet: %v", err)
		}
		return
	}
	live := int64(len(m.at(int64(len(m.commits)), false)))
	if err != nil || info.Rows != live || info.Generation != int64(len(m.commits)) || len(info.Log) != len(m.commits) ||
		info.SchemaVersion != m.version || !slices.Equal(info.Containers, m.parts) {
		t.Fatalf("stat %+v, %v; want %d live rows, version %d, %v", info, err, live, m.version, m.parts)
	}
}

// TestModel compares random histories with the list of rows that they are.
func TestModel(t *testing.T) {
	plans := map[string]*core.Plan{}
	for _, parts := range [][]string{{"a"}, {"a", "b"}, {"b"}, {"c", "a"}} {
		var opts []core.FeatureOption
		for _, p := range parts {
			opts = append(opts, core.Container(p))
		}
		plans[strings.Join(parts, ",")] = planOf(t, core.NewFeature("f/model", opts...))
	}
	rapid.Check(t, func(t *rapid.T) {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		now := time.Unix(1e9, 0)
		s := memory.New(memory.Allocator(mem), memory.Clock(func() time.Time {
			return now.Add(time.Duration(rapid.IntRange(-3, 5).Draw(t, "clock")) * time.Second)
		}))
		m := &model{plans: plans, columns: []modelColumn{{name: "x"}}, version: 1, sent: map[string][]modelRow{}, sentAs: map[string]sentShape{}}
		first := true
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				m.write(t, s, mem)
				if first { // the first write makes the schema, it does not change it
					m.version, first = 1, false
				}
				now = now.Add(time.Second)
			},
			"repeat": func(t *rapid.T) { m.repeat(t, s, mem) },
			"evolve": func(t *rapid.T) { m.evolve(t, s) },
			"read":   func(t *rapid.T) { m.read(t, s) },
			"":       func(t *rapid.T) { m.stat(t, s) },
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := mem.CurrentAlloc(); n != 0 {
			t.Fatalf("%d bytes are left after Close", n)
		}
	})
}
