package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/plan"
)

// shapes has every lineage, a filter, an optional dependency, containers that
// depend on parts, and a feature that needs a carried column.
func shapes(code string) []core.FeatureSpec {
	return []core.FeatureSpec{
		core.NewFeature("video", core.ID("vid"), core.Container("frames"), core.Container("audio"), core.Container("title")),
		core.NewFeature("label", core.ID("vid")),
		core.NewFeature(
			"crop", core.ID("vid"), core.DependsOn("video"), core.DependsOn("label", core.Optional()),
			core.Container("box", core.Code(code), core.From("video", "frames"), core.From("label")),
			core.Container("sound", core.From("video", "audio")),
		),
		core.NewFeature("face", core.ID("vid"), core.DependsOn("crop"), core.Container("face", core.From("crop", "box"))),
		core.NewFeature("speech", core.ID("vid"), core.DependsOn("crop", core.Where(expr.Col("user").Ne("u0"))), core.Container("text", core.From("crop", "sound"))),
		core.NewFeature("summary", core.ID("user"), core.DependsOn("crop", core.Aggregate())),
		core.NewFeature("search", core.ID("vid"), core.DependsOn("face"), core.DependsOn("speech")),
	}
}

type video struct {
	user                 string
	frames, audio, title int
}

// versionsRows builds rows of ids, a user column and versions.
func rows(id string, ids []string, user func(string) string, containers []string, versions func(id string) []string) core.Rows {
	fields := []arrow.Field{{Name: id, Type: arrow.BinaryTypes.String}}
	if user != nil {
		fields = append(fields, arrow.Field{Name: "user", Type: arrow.BinaryTypes.String, Nullable: true})
	}
	t := core.DataVersionType(containers)
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: t})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	sb := b.Field(len(fields) - 1).(*array.StructBuilder)
	for _, i := range ids {
		b.Field(0).(*array.StringBuilder).Append(i)
		if user != nil {
			b.Field(1).(*array.StringBuilder).Append(user(i))
		}
		sb.Append(true)
		for j, v := range versions(i) {
			sb.FieldBuilder(j).(*array.StringBuilder).Append(v)
		}
	}
	rec := b.NewRecordBatch()
	return core.RowsOf(rec.Schema(), rec)
}

func videoRows(vs map[string]video) core.Rows {
	return rows("vid", slices.Sorted(maps.Keys(vs)), func(id string) string { return vs[id].user }, []string{"frames", "audio", "title"}, func(id string) []string {
		v := vs[id]
		return []string{"f" + strconv.Itoa(v.frames), "a" + strconv.Itoa(v.audio), "t" + strconv.Itoa(v.title)}
	})
}

func labelRows(ls map[string]int) core.Rows {
	return rows("vid", slices.Sorted(maps.Keys(ls)), nil, []string{"default"}, func(id string) []string { return []string{"l" + strconv.Itoa(ls[id])} })
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func graph(t fataler, specs ...core.FeatureSpec) *core.Graph {
	t.Helper()
	g, err := core.NewGraph(specs...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// recompute resolves one feature and writes what it asks for.
func recompute(t fataler, s core.Store, g *core.Graph, key core.FeatureKey, samples core.Rows) core.Stats {
	t.Helper()
	ctx := context.Background()
	p, err := g.Plan(key)
	if err != nil {
		t.Fatal(err)
	}
	req := core.ResolveRequest{Plan: p, Samples: samples}
	if key == "video" || key == "crop" {
		req.Columns = []string{"user"}
	}
	inc, err := s.Resolve(ctx, req)
	if err != nil {
		t.Fatal(key, err)
	}
	for _, part := range []core.Rows{inc.New, inc.Stale} {
		columns := append(slices.Clone(p.Feature.ID), req.Columns...)
		part := project(t, part, append(columns, core.ColDataVersion))
		if _, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: part, Basis: inc.Basis}); err != nil {
			t.Fatal(key, err)
		}
	}
	if inc.Stats.Orphaned > 0 {
		if _, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: project(t, inc.Orphaned, p.Feature.ID), Tombstones: true}); err != nil {
			t.Fatal(key, err)
		}
	}
	return inc.Stats
}

func project(t fataler, r core.Rows, columns []string) core.Rows {
	t.Helper()
	fields := make([]arrow.Field, len(columns))
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = r.Schema.FieldIndices(c)[0]
		fields[i] = r.Schema.Field(at[i])
	}
	schema := arrow.NewSchema(fields, nil)
	batches, err := r.Collect()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range batches {
		cols := make([]arrow.Array, len(at))
		for j, k := range at {
			cols[j] = b.Column(k)
		}
		batches[i] = array.NewRecordBatch(schema, cols, b.NumRows())
	}
	return core.RowsOf(schema, batches...)
}

// What is foretold is what then happens, feature by feature.
func TestForetellsWhatHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memstore.New()
		code := "1"
		g := graph(t, shapes(code)...)
		draw := func() (map[string]video, map[string]int) {
			vs, ls := map[string]video{}, map[string]int{}
			for i := range 8 {
				id := "v" + strconv.Itoa(i)
				if rapid.IntRange(0, 4).Draw(t, "there") > 0 {
					n := rapid.IntRange(0, 2)
					vs[id] = video{"u" + strconv.Itoa(i%3), n.Draw(t, "frames"), n.Draw(t, "audio"), n.Draw(t, "title")}
				}
				if rapid.Bool().Draw(t, "labelled") {
					ls[id] = rapid.IntRange(0, 2).Draw(t, "label")
				}
			}
			return vs, ls
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			if rapid.IntRange(0, 5).Draw(t, "bump") == 0 {
				code += "x"
				g = graph(t, shapes(code)...)
			}
			vs, ls := draw()
			report, err := plan.Graph(context.Background(), s, g, plan.Samples("video", videoRows(vs)), plan.Samples("label", labelRows(ls)))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range g.Keys() {
				var samples core.Rows
				switch key {
				case "video":
					samples = videoRows(vs)
				case "label":
					samples = labelRows(ls)
				}
				got := recompute(t, s, g, key, samples)
				f, _ := report.Feature(key)
				want := core.Stats{New: f.New, Stale: f.Stale, Orphaned: f.Orphaned, Unchanged: f.Unchanged, Missing: f.Missing, StaleBy: f.StaleBy}
				if len(got.StaleBy) == 0 && len(want.StaleBy) == 0 {
					got.StaleBy, want.StaleBy = nil, nil
				}
				if f.Blocked != "" || f.AtLeast || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: foretold %+v, was %+v", key, f, got)
				}
				if f.RowLevel < f.Stale || f.RowLevel > f.Held-f.Orphaned {
					t.Fatalf("%s: row level %d, stale %d, held %d", key, f.RowLevel, f.Stale, f.Held)
				}
				// Skip computing some of it: the next round finds it still to do.
			}
			after, err := plan.Graph(context.Background(), s, g)
			if err != nil || !after.Clean() {
				t.Fatal(after, err)
			}
			for _, f := range after.Features {
				if f.RowLevel != 0 {
					t.Fatalf("%s: %d to redo after everything was computed", f.Key, f.RowLevel)
				}
			}
		}
	})
}

func TestRowLevelAgainstContainers(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	g := graph(t, shapes("1")...)
	vs := map[string]video{"v1": {"u1", 1, 1, 1}, "v2": {"u2", 1, 1, 1}, "v3": {"u2", 1, 1, 1}}
	for _, key := range g.Keys() {
		samples := core.Rows{}
		switch key {
		case "video":
			samples = videoRows(vs)
		case "label":
			samples = labelRows(nil)
		}
		recompute(t, s, g, key, samples)
	}
	// A new title concerns nobody, a new sound only the speech.
	vs["v1"] = video{"u1", 1, 1, 2}
	vs["v2"] = video{"u2", 1, 2, 1}
	check := func(when string, opts ...plan.Option) {
		t.Helper()
		report, err := plan.Graph(ctx, s, g, opts...)
		if err != nil {
			t.Fatal(err)
		}
		got := map[core.FeatureKey][2]int64{}
		for _, f := range report.Features {
			got[f.Key] = [2]int64{f.Stale, f.RowLevel}
		}
		delete(got, "video")
		want := map[core.FeatureKey][2]int64{"label": {}, "crop": {1, 2}, "face": {0, 2}, "speech": {1, 2}, "summary": {1, 2}, "search": {1, 2}}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	check("before the source is written", plan.Samples("video", videoRows(vs)))
	recompute(t, s, g, "video", videoRows(vs))
	check("after the source is written")

	// The same rows once more are no change.
	p, _ := g.Plan("label")
	if _, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: labelRows(nil)}); err != nil {
		t.Fatal(err)
	}
	check("after an empty write")

	report, err := plan.Graph(ctx, s, g, plan.Downstream("face"))
	if err != nil || len(report.Features) != 2 || report.Features[0].Key != "face" || report.Features[1].RowLevel != 2 {
		t.Error(report, err)
	}
}

func TestExpansionIsALowerBound(t *testing.T) {
	s := memstore.New()
	g := graph(
		t, core.NewFeature("video", core.ID("vid")),
		core.NewFeature("chunk", core.ID("vid", "n"), core.DependsOn("video", core.Expand())),
		core.NewFeature("word", core.ID("vid", "n"), core.DependsOn("chunk")),
	)
	source := func(ids ...string) core.Rows {
		return rows("vid", ids, nil, []string{"default"}, func(id string) []string { return []string{id} })
	}
	report, err := plan.Graph(t.Context(), s, g, plan.Samples("video", source("a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	chunk, _ := report.Feature("chunk")
	word, _ := report.Feature("word")
	if chunk.New != 2 || chunk.AtLeast || word.New != 0 || !word.AtLeast || word.Blocked != "" {
		t.Errorf("%+v\n%+v", chunk, word)
	}
}

func TestBlocked(t *testing.T) {
	s := memstore.New()
	g := graph(t, shapes("1")...)
	report, err := plan.Graph(t.Context(), s, g)
	if err != nil {
		t.Fatal(err)
	}
	if report.Clean() {
		t.Error("what is blocked is still to be computed")
	}
	if f, _ := report.Feature("video"); !f.Clean() {
		t.Error("a root feature that holds nothing waits for nobody here")
	}
	for key, want := range map[core.FeatureKey]string{
		"video": "holds nothing yet",
		"crop":  "needs video, which holds nothing yet",
		"face":  "needs crop, which is blocked: it needs video, which holds nothing yet",
	} {
		if f, _ := report.Feature(key); f.Blocked != want {
			t.Errorf("%s: %q", key, f.Blocked)
		}
	}
	// A column that only a computation makes cannot be foreseen.
	g = graph(
		t, core.NewFeature("video", core.ID("vid")),
		core.NewFeature("crop", core.ID("vid"), core.DependsOn("video")),
		core.NewFeature("face", core.ID("vid"), core.DependsOn("crop", core.Where(expr.Col("score").Gt(0.5)))),
	)
	source := rows("vid", []string{"a"}, nil, []string{"default"}, func(id string) []string { return []string{id} })
	report, err = plan.Graph(t.Context(), s, g, plan.Samples("video", source))
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := report.Feature("face"); f.Blocked != `needs column "score" of crop, which is not computed yet` {
		t.Errorf("%+v", f)
	}
}

func TestBadOptions(t *testing.T) {
	g := graph(t, shapes("1")...)
	for _, o := range []plan.Option{plan.Downstream("vidoe"), plan.Samples("vidoe", core.Rows{}), plan.Samples("crop", core.Rows{})} {
		if _, err := plan.Graph(t.Context(), memstore.New(), g, o); !errors.Is(err, core.ErrInvalid) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := plan.Graph(ctx, memstore.New(), g); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func ExampleGraph() {
	ctx := context.Background()
	g, err := core.NewGraph(
		core.NewFeature("video", core.ID("vid")),
		core.NewFeature("crop", core.ID("vid"), core.DependsOn("video")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	incoming := rows("vid", []string{"a", "b"}, nil, []string{"default"}, strings.Fields)
	report, err := plan.Graph(ctx, memstore.New(), g, plan.Samples("video", incoming))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Features {
		fmt.Println(f.Key, f.New, "new")
	}
	// Output:
	// video 2 new
	// crop 2 new
}

// What the table says is in the JSON too, and comes back.
func TestJSON(t *testing.T) {
	f := plan.Feature{Key: "crop", Held: 100, New: 3, Stale: 12, Unchanged: 88, RowLevel: 40, AtLeast: true}
	data, err := json.Marshal(plan.Report{Features: []plan.Feature{f}})
	want := `{"features":[{"feature":"crop","held":100,"new":3,"stale":12,"orphaned":0,"unchanged":88,"row_level":40,"at_least":true,"saved":28}]}`
	if err != nil || string(data) != want {
		t.Errorf("%s\n%v", data, err)
	}
	var back plan.Report
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back.Features, []plan.Feature{f}) {
		t.Error(back, err)
	}
}

func ExampleReport_String() {
	r := plan.Report{Features: []plan.Feature{
		{Key: "video", Root: true, Held: 100, Unchanged: 100},
		{Key: "crop", Held: 100, New: 3, Stale: 12, Orphaned: 1, Unchanged: 87, RowLevel: 40, StaleBy: map[string]int64{"frames": 12}, Missing: 2},
		{Key: "face", AtLeast: true, New: 3, RowLevel: 5},
		{Key: "text", Blocked: "needs audio, which holds nothing yet"},
	}}
	fmt.Print(r)
	// Output:
	//   new  stale  orphaned  unchanged  row-level  saved  feature
	//     0      0         0        100          0      0  video
	//     3     12         1         87         40     28  crop  (stale by frames 12; 2 wait for upstream)
	//    ≥3     ≥0         0          0         ≥5     ≈5  face
	//     -      -         -          -          -      -  text: needs audio, which holds nothing yet
}
