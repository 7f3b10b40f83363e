package core_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// raw is a root feature that most graphs here begin with.
func raw(opts ...core.FeatureOption) core.FeatureSpec {
	return core.NewFeature("video/raw", append([]core.FeatureOption{core.Container("frames"), core.Container("audio")}, opts...)...)
}

func TestGraphMistakesNameTheirCulprit(t *testing.T) {
	crop := func(opts ...core.FeatureOption) core.FeatureSpec { return core.NewFeature("video/crop", opts...) }
	up := func(opts ...core.DependencyOption) core.FeatureOption { return core.DependsOn("video/raw", opts...) }
	for name, tc := range map[string]struct {
		features []core.FeatureSpec
		want     []string // all in the text
	}{
		"a bad key":           {[]core.FeatureSpec{core.NewFeature("Video")}, []string{`"Video"`, "part 1"}},
		"twice":               {[]core.FeatureSpec{raw(), raw()}, []string{"video/raw", "declared twice"}},
		"a circle of one":     {[]core.FeatureSpec{core.NewFeature("a", core.DependsOn("a"))}, []string{"circle", "a → a"}},
		"a circle of three":   {[]core.FeatureSpec{core.NewFeature("a", core.DependsOn("b")), core.NewFeature("b", core.DependsOn("c")), core.NewFeature("c", core.DependsOn("a"))}, []string{"a → b → c → a"}},
		"unknown feature":     {[]core.FeatureSpec{raw(), core.NewFeature("video/crop", core.DependsOn("video/row"))}, []string{"video/crop", "unknown feature video/row", `did you mean "video/raw"?`}},
		"a bad upstream key":  {[]core.FeatureSpec{core.NewFeature("a", core.DependsOn("B"))}, []string{"feature a", `"B"`}},
		"upstream twice":      {[]core.FeatureSpec{raw(), crop(up(), up())}, []string{"video/crop", "video/raw twice"}},
		"unknown container":   {[]core.FeatureSpec{raw(), crop(up(), core.Container("c", core.From("video/raw", "frame")))}, []string{"video/crop", `"c"`, `"frame" of video/raw`, `did you mean "frames"?`}},
		"from a stranger":     {[]core.FeatureSpec{raw(), crop(core.Container("c", core.From("video/raw")))}, []string{`container "c" takes from video/raw`, "not among"}},
		"nothing and one":     {[]core.FeatureSpec{raw(), crop(up(), core.Container("c", core.FromNothing(), core.From("video/raw")))}, []string{`container "c" depends on nothing and on video/raw`}},
		"container twice":     {[]core.FeatureSpec{raw(core.Container("audio"))}, []string{`container "audio" is declared twice`}},
		"a bad container":     {[]core.FeatureSpec{raw(core.Container("a.b"))}, []string{"video/raw", `container "a.b"`}},
		"id twice":            {[]core.FeatureSpec{raw(core.ID("x", "y", "x"))}, []string{"video/raw", `id column "x" is listed twice`}},
		"a reserved id":       {[]core.FeatureSpec{raw(core.ID("metaxy_commit"))}, []string{`"metaxy_commit"`, "reserved"}},
		"data_version as id":  {[]core.FeatureSpec{raw(core.ID("data_version"))}, []string{`"data_version"`, "reserved"}},
		"an empty id":         {[]core.FeatureSpec{raw(core.ID(""))}, []string{`id column ""`}},
		"a NUL in an id":      {[]core.FeatureSpec{raw(core.ID("a\x00"))}, []string{`"a\x00"`}},
		"rename collision":    {[]core.FeatureSpec{raw(), crop(up(core.Rename("b", "x"), core.Rename("a", "x")))}, []string{`both "a" and "b" are renamed to "x"`}},
		"rename onto an id":   {[]core.FeatureSpec{raw(), crop(up(core.Rename("path", "sample_id")))}, []string{`rename "path" → "sample_id" hides an id column`}},
		"rename of a system":  {[]core.FeatureSpec{raw(), crop(up(core.Rename("metaxy_commit", "c")))}, []string{`"metaxy_commit" → "c"`, "system"}},
		"rename to a system":  {[]core.FeatureSpec{raw(), crop(up(core.Rename("c", "data_version")))}, []string{`"c" → "data_version"`, "system"}},
		"rename to nothing":   {[]core.FeatureSpec{raw(), crop(up(core.Rename("c", "")))}, []string{`"c" → ""`, "lacks a name"}},
		"other ids":           {[]core.FeatureSpec{raw(), crop(up(), core.ID("crop_id"))}, []string{"video/crop", `id column "sample_id"`, "crop_id", "rename it or aggregate"}},
		"fewer ids":           {[]core.FeatureSpec{raw(), crop(up(), core.ID("sample_id", "frame"))}, []string{`lacks id column "frame"`, "Expand"}},
		"expands to nothing":  {[]core.FeatureSpec{raw(), crop(up(core.Expand()))}, []string{"1:N", "nothing expands"}},
		"expands from no id":  {[]core.FeatureSpec{raw(), crop(up(core.Expand()), core.ID("frame", "no"))}, []string{`id column "sample_id"`, "frame, no"}},
		"aggregates by no id": {[]core.FeatureSpec{raw(), crop(up(core.Aggregate("region")))}, []string{`aggregation on "region"`, "sample_id"}},
		"groups without N:1": {[]core.FeatureSpec{raw(), crop(func(f *core.FeatureSpec) {
			f.Deps = []core.Dependency{{Feature: "video/raw", On: []string{"sample_id"}}}
		})}, []string{"only an aggregation groups"}},
		"unknown lineage":                 {[]core.FeatureSpec{raw(), crop(func(f *core.FeatureSpec) { f.Deps = []core.Dependency{{Feature: "video/raw", Lineage: 9}} })}, []string{"unknown lineage 9"}},
		"samples undetermined":            {[]core.FeatureSpec{core.NewFeature("a", core.ID("x")), core.NewFeature("b", core.ID("y")), core.NewFeature("c", core.ID("x", "y"), core.DependsOn("a", core.Expand()), core.DependsOn("b", core.Expand()))}, []string{"feature c", "no dependency has all of x, y"}},
		"two mistakes at once":            {[]core.FeatureSpec{raw(core.ID("x", "x")), crop(core.DependsOn("video/rwa"))}, []string{`"x" is listed twice`, "unknown feature video/rwa"}},
		"a circle beside another mistake": {[]core.FeatureSpec{core.NewFeature("a", core.DependsOn("b")), core.NewFeature("b", core.DependsOn("a")), crop(core.DependsOn("video/rwa")), core.NewFeature("z", core.DependsOn("z"))}, []string{"a → b → a", "unknown feature video/rwa", "z → z"}},
		"below a mistake":                 {[]core.FeatureSpec{raw(), crop(up(), core.ID("crop_id")), core.NewFeature("x", core.ID("crop_id"), core.DependsOn("video/crop")), core.NewFeature("y", core.DependsOn("video/raw"), core.DependsOn("x"))}, []string{`id column "sample_id"`, `feature y: dependency x has id column "crop_id"`}},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := core.NewGraph(tc.features...)
			if g != nil || !errors.Is(err, core.ErrInvalid) {
				t.Fatalf("%v, %v", g, err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\nlacks %q", err, w)
				}
			}
		})
	}
}

func TestPlan(t *testing.T) {
	g := graphOf(t, raw(),
		core.NewFeature("text/raw", core.ID("text_id")),
		core.NewFeature("video/crop",
			core.DependsOn("video/raw", core.Rename("path", "raw_path"), core.Select("raw_path")),
			core.DependsOn("text/raw", core.Rename("text_id", "sample_id"), core.Optional(), core.Where(expr.Col("lang").Eq("en"))),
			core.Container("a", core.Code("2"), core.From("video/raw", "frames")),
			core.Container("b"),
			core.Container("c", core.FromNothing()),
			core.Container("d", core.From("video/raw"), core.From("video/raw", "audio")),
			core.Describe("crops"), core.Annotate("owner", "me")),
		core.NewFeature("video/frame", core.ID("sample_id", "no"), core.DependsOn("video/raw", core.Expand())),
		core.NewFeature("region", core.ID("region"), core.DependsOn("video/raw", core.Aggregate())))

	if keys := g.Keys(); !slices.Equal(keys, []core.FeatureKey{"video/raw", "region", "text/raw", "video/crop", "video/frame"}) {
		t.Errorf("order %v", keys)
	}
	if d := g.Downstream("video/raw"); !slices.Equal(d, []core.FeatureKey{"region", "video/crop", "video/frame"}) {
		t.Errorf("downstream %v", d)
	}
	if u := g.Upstream("video/crop"); !slices.Equal(u, []core.FeatureKey{"text/raw", "video/raw"}) {
		t.Errorf("upstream %v", u)
	}
	p := planOf(t, g, "video/crop")
	if p.Root() || p.Expands() || !slices.Equal(p.ResolveKey, []string{"sample_id"}) || !slices.Equal(p.ContainerNames(), []string{"a", "b", "c", "d"}) {
		t.Errorf("%+v", p)
	}
	inputs := map[string]string{}
	for _, c := range p.Containers {
		for _, in := range c.Inputs {
			inputs[c.Name] += string(in.Feature) + "." + in.Container + " "
		}
	}
	both := "video/raw.audio video/raw.frames "
	if inputs["a"] != "video/raw.frames " || inputs["b"] != "text/raw.default "+both || inputs["c"] != "" || inputs["d"] != both {
		t.Errorf("inputs %v", inputs)
	}
	video, text := p.Upstream[0], p.Upstream[1]
	if video.Original("raw_path") != "path" || video.Renamed("path") != "raw_path" || !video.Carries("raw_path") || video.Carries("path") || !video.Carries("sample_id") {
		t.Errorf("%+v", video)
	}
	if !text.Optional || !slices.Equal(text.ID, []string{"text_id"}) || !slices.Equal(text.Key, []string{"sample_id"}) || text.Filter == nil || !text.Carries("anything") {
		t.Errorf("%+v", text)
	}
	if frame := planOf(t, g, "video/frame"); !frame.Expands() || !slices.Equal(frame.ResolveKey, []string{"sample_id"}) {
		t.Errorf("%+v", frame)
	}
	region := planOf(t, g, "region")
	if u := region.Upstream[0]; !slices.Equal(u.Key, []string{"region"}) || !u.Carries("region") || u.Carries("path") || !region.Drives(u) {
		t.Errorf("%+v", u)
	}
	if _, err := g.Plan("video/corp"); !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), `did you mean "video/crop"?`) {
		t.Errorf("%v", err)
	}
	for _, p := range []*core.Plan{nil, {}} {
		if err := p.Validate(); !errors.Is(err, core.ErrInvalid) || p.Key() != "" {
			t.Errorf("%v", err)
		}
	}
}

func TestGraphSharesNothing(t *testing.T) {
	spec := core.NewFeature("a", core.ID("x"), core.Annotate("k", "v"), core.Container("c"))
	g := graphOf(t, spec)
	spec.ID[0], spec.Metadata["k"], spec.Containers[0].Name = "changed", "changed", "changed"
	got, ok := g.Feature("a")
	if !ok || got.ID[0] != "x" || got.Metadata["k"] != "v" || got.Containers[0].Name != "c" {
		t.Errorf("%+v", got)
	}
	got.ID[0] = "changed"
	if again, _ := g.Feature("a"); again.ID[0] != "x" {
		t.Errorf("%+v", again)
	}
	if _, ok := g.Feature("b"); ok {
		t.Error("there is no feature b")
	}
}

// TestFeatureVersion changes one thing at a time: a version changes with the
// code and the wiring that data versions depend on, here and upstream, and with
// nothing else.
func TestFeatureVersion(t *testing.T) {
	type parts struct{ raw, crop []core.FeatureOption }
	base := func() parts {
		return parts{
			raw:  []core.FeatureOption{core.Container("frames"), core.Container("audio")},
			crop: []core.FeatureOption{core.DependsOn("video/raw"), core.Container("c", core.From("video/raw", "frames")), core.Container("d", core.FromNothing())},
		}
	}
	version := func(p parts, key core.FeatureKey) string {
		return planOf(t, graphOf(t, core.NewFeature("video/raw", p.raw...), core.NewFeature("video/crop", p.crop...)), key).Version
	}
	wantRaw, wantCrop := version(base(), "video/raw"), version(base(), "video/crop")
	for name, tc := range map[string]struct {
		change    func(*parts)
		raw, crop bool
	}{
		"nothing":                {func(*parts) {}, false, false},
		"a description":          {func(p *parts) { p.crop = append(p.crop, core.Describe("x"), core.Annotate("a", "b")) }, false, false},
		"the default code":       {func(p *parts) { p.crop[2] = core.Container("d", core.FromNothing(), core.Code(core.DefaultCode)) }, false, false},
		"the containers' order":  {func(p *parts) { p.crop[1], p.crop[2] = p.crop[2], p.crop[1] }, false, false},
		"code here":              {func(p *parts) { p.crop[2] = core.Container("d", core.FromNothing(), core.Code("2")) }, false, true},
		"code upstream, used":    {func(p *parts) { p.raw[0] = core.Container("frames", core.Code("2")) }, true, true},
		"code upstream, unused":  {func(p *parts) { p.raw[1] = core.Container("audio", core.Code("2")) }, true, false},
		"a container here":       {func(p *parts) { p.crop = append(p.crop, core.Container("e")) }, false, true},
		"a container upstream":   {func(p *parts) { p.raw = append(p.raw, core.Container("text")) }, true, false},
		"the source":             {func(p *parts) { p.crop[1] = core.Container("c", core.From("video/raw", "audio")) }, false, true},
		"a source more":          {func(p *parts) { p.crop[1] = core.Container("c", core.From("video/raw")) }, false, true},
		"a container's name":     {func(p *parts) { p.crop[2] = core.Container("e", core.FromNothing()) }, false, true},
		"columns of the join":    {func(p *parts) { p.crop[0] = core.DependsOn("video/raw", core.Rename("a", "b"), core.Select("b")) }, false, false},
		"an optional dependency": {func(p *parts) { p.crop[0] = core.DependsOn("video/raw", core.Optional()) }, false, false},
	} {
		p := base()
		tc.change(&p)
		if changed := version(p, "video/raw") != wantRaw; changed != tc.raw {
			t.Errorf("%s: video/raw changed %v", name, changed)
		}
		if changed := version(p, "video/crop") != wantCrop; changed != tc.crop {
			t.Errorf("%s: video/crop changed %v", name, changed)
		}
	}
}

func TestDescendants(t *testing.T) {
	g := graphOf(t, core.NewFeature("a"), core.NewFeature("b", core.DependsOn("a")), core.NewFeature("c", core.DependsOn("b"), core.DependsOn("a")), core.NewFeature("z"))
	if d := g.Descendants("a"); !slices.Equal(d, []core.FeatureKey{"b", "c"}) {
		t.Errorf("%v", d)
	}
	if d := g.Descendants("z"); len(d) != 0 {
		t.Errorf("%v", d)
	}
}

func graphOf(tb testing.TB, features ...core.FeatureSpec) *core.Graph {
	tb.Helper()
	g, err := core.NewGraph(features...)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func planOf(tb testing.TB, g *core.Graph, key core.FeatureKey) *core.Plan {
	tb.Helper()
	p, err := g.Plan(key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
