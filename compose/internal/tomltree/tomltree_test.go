package tomltree

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

const sample = `top = "x"
zeta.inner = 1
[b]
list = ["one", "two"]
inline = { q = 'a "b" c', r = 2 }
[a]
[[a.items]]
n = 1
[[a.items]]
n = "two"
[a.items.deep]
deep_key = true
`

func TestTree(t *testing.T) {
	root, err := Parse("f.toml", []byte("\ufeff"+sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(root.Keys(), " "); got != "top zeta b a" {
		t.Errorf("order %q", got)
	}
	if root.String("top") != "x" {
		t.Error("top")
	}
	if n, ok := root.Table("zeta").Int("inner"); n != 1 || !ok {
		t.Error("dotted key")
	}
	b := root.Table("b")
	if b.Element("list", 1).String() != "f.toml:4:16" {
		t.Errorf("element at %s", b.Element("list", 1))
	}
	if len(b.Strings("list")) != 2 {
		t.Error("list")
	}
	in := b.Table("inline")
	in.Has("r")
	if p, ok := in.InValue("q", 2); !ok || p.String() != "f.toml:5:19" {
		t.Errorf("in value: %s %v", p, ok)
	}
	if got := in.String("q"); got != `a "b" c` {
		t.Errorf("value %q", got)
	}
	items := root.Table("a").Tables("items", "")
	if len(items) != 2 || items[1].At("n").String() != "f.toml:10:1" {
		t.Fatalf("items %v", items)
	}
	items[0].Int("n")
	items[1].Int("n")
	items[1].Table("deep").Has("deepkey")
	err = root.Err()
	want := "f.toml:10:1: n is a string, want an integer\n" +
		"f.toml:12:1: unknown key \"deep_key\" in [a.items.deep]; did you mean \"deepkey\"?"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, core.ErrInvalid) {
		t.Error("not ErrInvalid")
	}
}

func TestSyntaxErrorHasPlace(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\nb = = 2\n": "f.toml:2:5: ",
		"a = 1\na = 2\n":   "f.toml:2:1: ",
		"[a]\nx=1\n[a]\n":  "f.toml:3:",
		"a = \"unfinished": "f.toml:1:",
	} {
		_, err := Parse("f.toml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("a.b = [[1, {x = 2}], []]\n[[c]]\n[[c.d]]\n[c.d.e]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Parse("f", data)
		if err == nil {
			visit(root)
			_ = root.Err()
		}
	})
}

// visit asks for everything in every way.
func visit(t *Table) {
	for _, k := range t.Keys() {
		_, _ = t.String(k), t.Strings(k)
		t.InValue(k, 0)
		if _, ok := t.values[k].(map[string]any); ok {
			visit(t.Table(k))
		}
		for _, s := range t.Tables(k, "x") {
			visit(s)
		}
	}
}

// One table, a word for it, or a list of both; each with its place.
func TestOneOrMore(t *testing.T) {
	for doc, want := range map[string]string{
		"a = 'x'":                      "x@f:1:1",
		"a = { n = 'x' }":              "x@f:1:1",
		"[a]\nn = 'x'":                 "x@f:1:2",
		"a = [\n 'x',\n { n = 'y' },]": "x@f:2:2 y@f:3:2",
		"[[a]]\nn='x'\n[[a]]\nn='y'":   "x@f:1:3 y@f:3:3",
		"a = []":                       "",
		"b = 1":                        "",
	} {
		root, err := Parse("f", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range root.OneOrMore("a", "n") {
			got = append(got, e.String("n")+"@"+e.Pos.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", doc, got, want)
		}
	}
	root, err := Parse("f", []byte("a = 1\nb = 'x'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if root.OneOrMore("a", "n") != nil || root.OneOrMore("b", "") != nil {
		t.Error("neither is a table")
	}
	if err := root.Err(); err == nil || strings.Count(err.Error(), "want a list of tables") != 2 {
		t.Error(err)
	}
}
