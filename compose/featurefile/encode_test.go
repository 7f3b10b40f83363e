package featurefile_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/compose/featurefile"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func TestMarshalOfTheTwin(t *testing.T) {
	doc, err := featurefile.Marshal(twinInGo()...)
	if err != nil {
		t.Fatal(err)
	}
	back, err := featurefile.Parse("f.toml", doc)
	if err != nil {
		t.Fatal(err)
	}
	if !sameSpecs(back, twinInGo()) {
		t.Errorf("read back differently:\n%s", doc)
	}
}

// Whatever is written is read back as it was, sensible or not.
func TestMarshalRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"plain", `say "x"`, `it's`, "a\nb", `back\slash`, `both "and" 'it'`}))
	names := func(least int) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(text, least, 3, rapid.ID[string])
	}
	key := rapid.SampledFrom([]core.FeatureKey{"a", "video/raw", "video/crop", "x_y/z-1"})
	table := rapid.Custom(func(t *rapid.T) map[string]string {
		m := rapid.MapOfN(text, text, 0, 2).Draw(t, "map")
		if len(m) == 0 {
			return nil
		}
		return m
	})
	rapid.Check(t, func(t *rapid.T) {
		f := core.FeatureSpec{Key: key.Draw(t, "key"), Description: text.Draw(t, "description"), Metadata: table.Draw(t, "metadata")}
		if rapid.Bool().Draw(t, "has id") {
			f.ID = names(1).Draw(t, "id")
		}
		for range rapid.IntRange(0, 2).Draw(t, "deps") {
			d := core.Dependency{Feature: key.Draw(t, "dep"), Optional: rapid.Bool().Draw(t, "optional"), Rename: table.Draw(t, "rename")}
			if rapid.Bool().Draw(t, "has select") {
				d.Select = names(0).Draw(t, "select")
			}
			if rapid.Bool().Draw(t, "has filter") {
				d.Filter = expr.Col("x").Eq(rapid.StringMatching(`[a-z'" ]*`).Draw(t, "literal"))
			}
			d.Lineage = rapid.SampledFrom([]core.Lineage{core.OneToOne, core.Aggregation, core.Expansion}).Draw(t, "lineage")
			if d.Lineage == core.Aggregation && rapid.Bool().Draw(t, "has on") {
				d.On = names(1).Draw(t, "on")
			}
			f.Deps = append(f.Deps, d)
		}
		for _, name := range names(0).Draw(t, "containers") {
			c := core.ContainerSpec{Name: name, Code: text.Draw(t, "code")}
			switch rapid.IntRange(0, 2).Draw(t, "from") {
			case 1:
				c.Independent = true
			case 2:
				c.From = []core.Source{{Feature: "a"}, {Feature: "video/raw", Containers: []string{"frames", "audio"}}}
			}
			f.Containers = append(f.Containers, c)
		}
		doc, err := featurefile.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		back, err := featurefile.Parse("f.toml", doc)
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if !sameSpecs(back, []core.FeatureSpec{f}) {
			t.Fatalf("wrote\n%+v\nread\n%+v\n%s", f, back[0], doc)
		}
	})
}

func TestMarshalRefuses(t *testing.T) {
	for name, f := range map[string]core.FeatureSpec{
		"independent of something": core.NewFeature("a", core.Container("x", core.FromNothing(), core.From("b"))),
		"not UTF-8":                core.NewFeature("a", core.Describe("\xff")),
		"unknown lineage":          {Key: "a", Deps: []core.Dependency{{Feature: "b", Lineage: 9}}},
	} {
		if doc, err := featurefile.Marshal(f); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v\n%s", name, err, doc)
		}
	}
}

func ExampleLoad() {
	path := "testdata/features.toml"
	features, err := featurefile.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range features {
		fmt.Println(f.Key, len(f.Deps))
	}
	// Output:
	// video/raw 0
	// video/crop 1
}

func ExampleEncode() {
	crop := core.NewFeature(
		"video/crop",
		core.DependsOn("video/raw", core.Where(expr.Col("duration").Gt(10))),
		core.Container("frames", core.Code("2"), core.From("video/raw", "frames")),
	)
	if err := featurefile.Encode(os.Stdout, crop); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [features."video/crop"]
	//
	// [[features."video/crop".depends_on]]
	// feature = "video/raw"
	// where = "duration > 10"
	//
	// [features."video/crop".containers.frames]
	// code = "2"
	// from = ["video/raw:frames"]
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(twin))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) > 64<<10 {
			return // what is merely long is TestLargeFile's
		}
		specs, err := featurefile.Parse("f.toml", doc)
		if err != nil {
			if !errors.Is(err, core.ErrInvalid) {
				t.Fatalf("%v does not match ErrInvalid", err)
			}
			return
		}
		again, err := featurefile.Marshal(specs...)
		if err != nil {
			t.Fatal(err)
		}
		back, err := featurefile.Parse("f.toml", again)
		if err != nil || !sameSpecs(back, specs) {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}
