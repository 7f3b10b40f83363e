package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Step is one call of a script over the features of Graph. It is plain data so
// that a failing script can be printed as Go.
type Step struct {
	Op      core.Op
	Key     core.FeatureKey
	ID      string         // Write
	Samples map[string]int // Write to video/raw: the sample and the number that decides its values
	Retire  []string       // Write of tombstones
	Follow  bool           // Write of what a Resolve of Key finds
	Columns []string       // Read, Resolve
	Filter  string         // Read, Resolve
	Seq     int64          // Read: as of this commit
	History bool           // Read
	Prefix  string         // List
	Commits int            // Stat
	Base    int            // Evolve
	Add     string         // Evolve: a text column to add
}

// GoString is the step as Go source.
func (s Step) GoString() string {
	parts := []string{"Op: core.Op" + strings.ToUpper(s.Op.String()[:1]) + s.Op.String()[1:]}
	add := func(set bool, name string, v any) {
		if set {
			parts = append(parts, fmt.Sprintf("%s: %#v", name, v))
		}
	}
	add(s.Key != "", "Key", string(s.Key))
	add(s.ID != "", "ID", s.ID)
	add(s.Samples != nil, "Samples", s.Samples)
	add(s.Retire != nil, "Retire", s.Retire)
	add(s.Follow, "Follow", true)
	add(s.Columns != nil, "Columns", s.Columns)
	add(s.Filter != "", "Filter", s.Filter)
	add(s.Seq != 0, "Seq", s.Seq)
	add(s.History, "History", true)
	add(s.Prefix != "", "Prefix", s.Prefix)
	add(s.Commits != 0, "Commits", s.Commits)
	add(s.Base != 0, "Base", s.Base)
	add(s.Add != "", "Add", s.Add)
	return "{" + strings.Join(parts, ", ") + "}"
}

// script is the Go test that repeats steps.
func script(steps []Step) string {
	var b strings.Builder
	b.WriteString("func TestReproduce(t *testing.T) {\n\tstoretest.Replay(t, config, // the LayerConfig of this run\n\t\t[]storetest.Step{\n")
	for _, s := range steps {
		fmt.Fprintf(&b, "\t\t\t%#v,\n", s)
	}
	b.WriteString("\t\t})\n}")
	return b.String()
}

// Steps generates scripts of up to most calls between an opening and a closing:
// writes, tombstones, reads with columns, filters and moments, resolves, lists,
// stats and migrations. The opening writes something to look at, the closing
// looks at everything.
func Steps(most int) *rapid.Generator[[]Step] {
	return rapid.Custom(func(rt *rapid.T) []Step {
		steps := []Step{{Op: core.OpWrite, Key: KeyVideo, Samples: map[string]int{"s000": 0, "s001": 1, "s002": 2, "s003": 3, "s004": 4}}}
		steps = append(steps, rapid.SliceOfN(rapid.Custom(drawStep), min(4, most), most).Draw(rt, "steps")...)
		for _, key := range []core.FeatureKey{KeyVideo, KeyCrop} {
			steps = append(steps, Step{Op: core.OpStat, Key: key, Commits: -1}, Step{Op: core.OpRead, Key: key, History: true})
		}
		return append(steps, Step{Op: core.OpList}, Step{Op: core.OpResolve, Key: KeyCrop})
	})
}

func drawStep(rt *rapid.T) Step {
	keys := []core.FeatureKey{KeyVideo, KeyVideo, KeyVideo, KeyCrop, "nobody"}
	switch rapid.IntRange(0, 9).Draw(rt, "step") {
	case 0, 1:
		s := Step{Op: core.OpWrite, Key: KeyVideo, Samples: map[string]int{}, ID: rapid.SampledFrom([]string{"", "", "job-1", "job-2"}).Draw(rt, "id")}
		for range rapid.IntRange(0, 5).Draw(rt, "rows") {
			s.Samples[sampleID(rapid.IntRange(0, 7).Draw(rt, "sample"))] = rapid.IntRange(0, 9).Draw(rt, "n")
		}
		return s
	case 2:
		return Step{Op: core.OpWrite, Key: KeyCrop, Follow: true}
	case 3:
		return Step{Op: core.OpWrite, Key: KeyVideo, Retire: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"s000", "s001", "s002", "s003"}), 0, 3, rapid.ID[string]).Draw(rt, "retire")}
	case 4, 5, 6:
		s := Step{Op: core.OpRead, Key: rapid.SampledFrom(keys).Draw(rt, "key"), History: rapid.IntRange(0, 3).Draw(rt, "history") == 0}
		s.Seq = int64(max(0, rapid.IntRange(-4, 3).Draw(rt, "as of")))
		if rapid.Bool().Draw(rt, "columns") {
			s.Columns = rapid.SliceOfN(rapid.SampledFrom([]string{"sample_id", "path", "size", "data_version", core.ColCommit, core.ColDeleted, "nope"}), 1, 3).Draw(rt, "of")
		}
		if s.Key == KeyVideo && rapid.Bool().Draw(rt, "filter") {
			s.Filter = Filters(VideoSchema()).Draw(rt, "expr").String()
		}
		return s
	case 7:
		s := Step{Op: core.OpResolve, Key: KeyCrop}
		s.Filter = rapid.SampledFrom([]string{"", "", "sample_id > 's002'"}).Draw(rt, "filter")
		s.Columns = rapid.SampledFrom([][]string{nil, {"size"}, {"nope"}}).Draw(rt, "carry")
		return s
	case 8:
		if rapid.Bool().Draw(rt, "list") {
			return Step{Op: core.OpList, Prefix: rapid.SampledFrom([]string{"", "video/", "x"}).Draw(rt, "prefix")}
		}
		return Step{Op: core.OpStat, Key: rapid.SampledFrom(keys).Draw(rt, "key"), Commits: rapid.IntRange(-1, 2).Draw(rt, "commits")}
	}
	return Step{Op: core.OpEvolve, Key: KeyVideo, Base: rapid.IntRange(1, 2).Draw(rt, "base"), Add: rapid.SampledFrom([]string{"note", "path"}).Draw(rt, "add")}
}

// do makes the call and gives its answer as text that two stores must agree on.
func (s Step) do(e *env, store core.Store) []string {
	failed := func(err error) []string { return []string{"error " + sentinelOf(err)} }
	var filter expr.Expr
	if s.Filter != "" {
		filter = mustParse(s.Filter)
	}
	switch s.Op {
	case core.OpWrite:
		return s.write(e, store)
	case core.OpRead:
		rows, err := store.Read(e.ctx(), core.ReadRequest{Key: s.Key, Columns: s.Columns, Filter: filter, AsOf: core.AsOf{Seq: s.Seq}, History: s.History})
		if err != nil {
			return failed(err)
		}
		lines, err := Lines(rows)
		if err != nil {
			return failed(err)
		}
		return append([]string{fmt.Sprint("columns ", fieldList(rows.Schema))}, lines...)
	case core.OpResolve:
		inc, err := store.Resolve(e.ctx(), core.ResolveRequest{Plan: plan(s.Key), Filter: filter, Columns: s.Columns})
		if err != nil {
			return failed(err)
		}
		lines, err := IncrementLines(inc)
		if err != nil {
			return failed(err)
		}
		return lines
	case core.OpList:
		var lines []string
		for info, err := range store.List(e.ctx(), core.ListRequest{Prefix: s.Prefix}) {
			if err != nil {
				return append(lines, failed(err)...)
			}
			lines = append(lines, infoLine(info))
		}
		return lines
	case core.OpStat:
		info, err := store.Stat(e.ctx(), core.StatRequest{Key: s.Key, Commits: s.Commits})
		if err != nil {
			return failed(err)
		}
		lines := []string{infoLine(info)}
		for _, c := range info.Log {
			lines = append(lines, commitLine(c))
		}
		return lines
	default:
		info, err := store.Evolve(e.ctx(), core.EvolveRequest{Key: s.Key, Base: s.Base, Changes: []core.SchemaChange{
			{Kind: core.AddColumn, Column: s.Add, Type: arrow.BinaryTypes.String},
		}})
		if err != nil {
			return failed(err)
		}
		return []string{infoLine(info)}
	}
}

func (s Step) write(e *env, store core.Store) []string {
	req := core.WriteRequest{Plan: plan(s.Key), ID: s.ID}
	schema, rows := VideoSchema(), [][]any(nil)
	switch {
	case s.Follow:
		inc, err := store.Resolve(e.ctx(), core.ResolveRequest{Plan: req.Plan})
		if err == nil {
			err = writeIncrement(e, store, req.Plan, inc)
		}
		return []string{"follow " + sentinelOf(err)}
	case s.Retire != nil:
		schema, req.Tombstones = idSchema("sample_id"), true
		for _, id := range s.Retire {
			rows = append(rows, []any{id})
		}
	default:
		for _, id := range slices.Sorted(mapKeys(s.Samples)) {
			rows = append(rows, video(id, s.Samples[id]))
		}
	}
	b := Batch(e.mem, schema, rows...)
	defer b.Release()
	req.Rows = core.RowsOf(schema, b)
	c, err := store.Write(e.ctx(), req)
	if err != nil {
		return []string{"error " + sentinelOf(err)}
	}
	return []string{commitLine(c)}
}

func commitLine(c core.Commit) string {
	return fmt.Sprintf("commit %d id %q rows %d version %.8s tombstones %v basis %v", c.Seq, c.ID, c.Rows, c.FeatureVersion, c.Tombstones, c.Basis)
}

func fieldList(s *arrow.Schema) []string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name+" "+f.Type.String())
	}
	return out
}

// Replay runs a script through the layer and against the bare store, and fails
// at the first answer that differs: what a failing Y1 prints as a test.
func Replay(t *testing.T, cfg LayerConfig, steps []Step) {
	t.Helper()
	l := newLayerRun(cfg)
	runProperty(t, l.config(), property{code: "Y1", name: "replay", why: whyY1, run: func(e *env) {
		if at, d := l.compare(e, steps); at >= 0 {
			e.Errorf("step %d, %#v: %s", at, steps[at], d)
		}
	}}, nil)
}
