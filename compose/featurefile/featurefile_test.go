package featurefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/featurefile"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

const twin = `
[features."video/raw"]
id = "video_id"
description = "as uploaded"
metadata = { owner = "ingest", tier = "1" }
containers = { frames = "1", audio = "3" }

[features."video/meta"]
id = ["video_id"]

[features."video/crop"]
id = ["video_id"]

[[features."video/crop".depends_on]]
feature = "video/raw"
rename  = { path = "raw_path" }
select  = ["raw_path"]
where   = "duration > 10 AND region = 'us-west'"

[[features."video/crop".depends_on]]
feature  = "video/meta"
optional = true

[features."video/crop".containers.frames]
code = "2"
from = ["video/raw:frames", "video/meta"]

[features."video/crop".containers.audio]
from = ["video/raw:audio", "video/raw:frames"]

[features."video/crop".containers.logo]
from = []

[features."video/chunk"]
id = ["video_id", "chunk"]
depends_on = [{ feature = "video/crop", expand = true }]

[features."user/summary"]
id = ["user"]

[[features."user/summary".depends_on]]
feature   = "video/crop"
aggregate = ["user"]
select    = []

[features."video/again"]
id = "video_id"
depends_on = ["video/crop"]
`

func twinInGo() []core.FeatureSpec {
	return []core.FeatureSpec{
		core.NewFeature(
			"video/raw", core.ID("video_id"), core.Describe("as uploaded"), core.Annotate("owner", "ingest"), core.Annotate("tier", "1"),
			core.Container("frames", core.Code("1")), core.Container("audio", core.Code("3")),
		),
		core.NewFeature("video/meta", core.ID("video_id")),
		core.NewFeature(
			"video/crop", core.ID("video_id"),
			core.DependsOn(
				"video/raw", core.Rename("path", "raw_path"), core.Select("raw_path"),
				core.Where(expr.And(expr.Col("duration").Gt(10), expr.Col("region").Eq("us-west"))),
			),
			core.DependsOn("video/meta", core.Optional()),
			core.Container("frames", core.Code("2"), core.From("video/raw", "frames"), core.From("video/meta")),
			core.Container("audio", core.From("video/raw", "audio", "frames")),
			core.Container("logo", core.FromNothing()),
		),
		core.NewFeature("video/chunk", core.ID("video_id", "chunk"), core.DependsOn("video/crop", core.Expand())),
		core.NewFeature("user/summary", core.ID("user"), core.DependsOn("video/crop", core.Aggregate("user"), core.Select())),
		core.NewFeature("video/again", core.ID("video_id"), core.DependsOn("video/crop")),
	}
}

func TestFileAndGoGiveTheSamePlans(t *testing.T) {
	file, err := featurefile.ParseGraph("features.toml", []byte(twin))
	if err != nil {
		t.Fatal(err)
	}
	code, err := core.NewGraph(twinInGo()...)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(file.Keys(), code.Keys()) {
		t.Fatalf("keys %v and %v", file.Keys(), code.Keys())
	}
	for _, key := range code.Keys() {
		a, _ := file.Plan(key)
		b, _ := code.Plan(key)
		if !samePlan(a, b) {
			t.Errorf("plan of %s:\nfile %+v\ncode %+v", key, a, b)
		}
	}
}

// samePlan compares plans; filters remember the text that they were read from
// and are compared as trees.
func samePlan(a, b *core.Plan) bool {
	x, y := *a, *b
	x.Upstream, y.Upstream = nil, nil
	x.Feature.Deps, y.Feature.Deps = nil, nil
	if !reflect.DeepEqual(x, y) || len(a.Upstream) != len(b.Upstream) {
		return false
	}
	for i := range a.Upstream {
		u, v := a.Upstream[i], b.Upstream[i]
		if !expr.Equal(u.Filter, v.Filter) {
			return false
		}
		u.Filter, v.Filter = nil, nil
		if !reflect.DeepEqual(u, v) {
			return false
		}
	}
	return sameSpecs([]core.FeatureSpec{a.Feature}, []core.FeatureSpec{b.Feature})
}

func sameSpecs(a, b []core.FeatureSpec) bool {
	bare := func(specs []core.FeatureSpec) (out []core.FeatureSpec, filters []expr.Expr) {
		for _, s := range specs {
			deps := make([]core.Dependency, len(s.Deps))
			for i, d := range s.Deps {
				filters = append(filters, d.Filter)
				d.Filter = nil
				if len(d.Rename) == 0 { // an empty table says what none says
					d.Rename = nil
				}
				deps[i] = d
			}
			s.Deps = deps
			if len(s.Metadata) == 0 {
				s.Metadata = nil
			}
			out = append(out, s)
		}
		return out, filters
	}
	x, f := bare(a)
	y, g := bare(b)
	if !reflect.DeepEqual(x, y) || len(f) != len(g) {
		return false
	}
	for i := range f {
		if !expr.Equal(f[i], g[i]) {
			return false
		}
	}
	return true
}

func TestErrorsHavePlaces(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"unknown key": {
			"[features.a]\ncontainer = {}\n",
			`f.toml:2:1: unknown key "container" in [features.a]; did you mean "containers"?`,
		},
		"unknown top-level key": {"[feature.a]\n", `f.toml:1:2: unknown key "feature"; did you mean "features"?`},
		"unknown key of a dependency": {
			"[features.a]\n[features.b]\n[[features.b.depends_on]]\nfeature = \"a\"\nwere = \"x = 1\"\n",
			`f.toml:5:1: unknown key "were" in [features.b.depends_on]; did you mean "where"?`,
		},
		"unknown key of a container": {
			"[features.a.containers.x]\ncod = \"1\"\n",
			`f.toml:2:1: unknown key "cod" in [features.a.containers.x]; did you mean "code"?`,
		},
		"code as a number": {
			"[features.a.containers.x]\ncode = 1\n",
			`f.toml:2:1: code is an integer, want a string`,
		},
		"filter": {
			"[features.b]\ndepends_on = [{ feature = \"a\", where = \"x = = 1\" }]\n",
			`f.toml:2:45: where: unexpected =, want a literal`,
		},
		"filter with escapes": {
			"[features.b]\ndepends_on = [{ feature = \"a\", where = \"\\\"x\\\" = = 1\" }]\n",
			`f.toml:2:40: where: filter:1:7: unexpected =, want a literal`,
		},
		"both lineages": {
			"[features.b]\ndepends_on = [{ feature = \"a\", aggregate = true, expand = true }]\n",
			`f.toml:2:50: a dependency either aggregates (N:1) or expands (1:N)`,
		},
		"no feature": {
			"[features.b]\n[[features.b.depends_on]]\noptional = true\n",
			`f.toml:2:3: a dependency names no feature`,
		},
		"unknown feature": {
			"[features.video]\n[features.b]\ndepends_on = [\"vidoe\"]\n",
			`f.toml:2:11: invalid: feature b: depends on unknown feature vidoe; did you mean "video"?`,
		},
		"unknown container": {
			"[features.v.containers]\nframes = \"1\"\n[features.b]\ndepends_on = [\"v\"]\n[features.b.containers.x]\nfrom = [\"v:frame\"]\n",
			`f.toml:3:11: invalid: feature b: container "x" takes from unknown container "frame" of v; did you mean "frames"?`,
		},
		"circle": {
			"[features.a]\ndepends_on = [\"b\"]\n[features.b]\ndepends_on = [\"a\"]\n",
			`f.toml:1:11: invalid: features depend on each other in a circle: a → b → a`,
		},
		"hostile key": {"[features.\"../x\"]\n", `f.toml:1:11: invalid: feature key "../x": part 1 begins with '.', want a lower-case letter or "_"`},
		"two at once": {
			"[features.a]\nx = 1\ny = 2\n",
			"f.toml:2:1: unknown key \"x\" in [features.a]\nf.toml:3:1: unknown key \"y\" in [features.a]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := featurefile.ParseGraph("f.toml", []byte(c.doc))
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			if !errors.Is(err, core.ErrInvalid) {
				t.Error("does not match ErrInvalid")
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.toml"), filepath.Join(dir, "two.toml")
	write(t, one, "[features.a]\n")
	write(t, two, "[features.b]\ndepends_on = [\"a\"]\n")
	g, err := featurefile.LoadGraph(one, two)
	if err != nil || len(g.Keys()) != 2 {
		t.Fatal(g, err)
	}
	if _, err := featurefile.LoadGraph(one, one); err == nil || !strings.Contains(err.Error(), "feature a is declared twice") {
		t.Error(err)
	}
	if _, err := featurefile.Load(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Places are not counted from the top of the file, and keys and mistakes are not
// compared with each other: that took most of a minute for eight times as many
// features.
func TestLargeFile(t *testing.T) {
	const n = 2_000
	var doc strings.Builder
	for i := range n {
		fmt.Fprintf(&doc, "[features.\"a%d\"]\nmetadata = { x%d = \"y\" }\n", i, i)
	}
	specs, err := featurefile.Parse("f", []byte(doc.String()))
	if err != nil || len(specs) != n {
		t.Fatal(len(specs), err)
	}
	wrong := strings.ReplaceAll(doc.String(), "metadata = {", "id = [\"x\", \"x\"] # {")
	_, err = featurefile.ParseGraph("f", []byte(wrong))
	if err == nil {
		t.Fatal("no mistake")
	}
	lines := strings.Split(err.Error(), "\n")
	if last := fmt.Sprintf("f:%d:11: ", 2*n-1); len(lines) != n || !strings.Contains(lines[n-1], ": ") || !strings.Contains(err.Error(), last) {
		t.Errorf("%d mistakes, the last %s, none at %s", len(lines), lines[n-1], last)
	}
}

func BenchmarkParse(b *testing.B) {
	var doc strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&doc, "[features.\"a%d\"]\ncontainers = { frames = \"1\" }\n", i)
	}
	b.SetBytes(int64(doc.Len()))
	for b.Loop() {
		if _, err := featurefile.Parse("f", []byte(doc.String())); err != nil {
			b.Fatal(err)
		}
	}
}
