package archtest

import (
	"slices"
	"strings"
	"testing"
)

const storeSrc = `// Package core is a small contract.
package core

type Store interface {
	Read(x string) error
	Close() error
}

type Describer interface{ Describe() string }
`

// fixtures are one breach of each rule, and beside it what must pass.
var fixtures = []struct {
	rule, path, src string
	bad             bool
}{
	{"Imports", "layers/cache/a.go", `package cache; import _ "github.com/metaxy-go/metaxy/layers/retry"`, true},
	{"Imports", "layers/cache/a.go", `package cache; import _ "github.com/metaxy-go/metaxy/backends/memory"`, true},
	{"Imports", "layers/cache/a.go", `package cache; import _ "github.com/metaxy-go/metaxy/layers/internal/around"`, false},
	{"Imports", "layers/cache/a.go", `package cache; import _ "github.com/metaxy-go/metaxy/internal/policy"`, false},
	{"Imports", "layers/cache/a_test.go", `package cache; import _ "github.com/metaxy-go/metaxy/backends/memory"`, false},
	{"Imports", "core/a.go", `package core; import _ "github.com/metaxy-go/metaxy/compose"`, true},
	{"Imports", "core/resolve/a.go", `package resolve; import _ "github.com/metaxy-go/metaxy/core/ident"`, false},
	{"Imports", "compose/a.go", `package compose; import _ "github.com/metaxy-go/metaxy/layers/cache"`, true},
	{"Imports", "compose/config/a.go", `package config; import _ "github.com/metaxy-go/metaxy/compose/internal/toml"`, false},
	{"Imports", "backends/sql/a.go", `package sql; import _ "github.com/metaxy-go/metaxy/backends/internal/sqlplan"`, false},
	{"Imports", "backends/sql/a.go", `package sql; import _ "github.com/metaxy-go/metaxy/backends/memory"`, true},
	{"Imports", "storetest/a.go", `package storetest; import _ "github.com/metaxy-go/metaxy/compose"`, true},
	{"Imports", "compose/a_test.go", `package compose; import _ "github.com/metaxy-go/metaxy/examples/x"`, true},
	{"Imports", "novel/a.go", `package novel`, true},
	{"Dependencies", "core/a.go", `package core; import _ "golang.org/x/sync/errgroup"`, true},
	{"Dependencies", "core/a.go", `package core; import _ "github.com/apache/arrow-go/v18/arrow"`, false},
	{"Dependencies", "compose/a.go", `package compose; import _ "github.com/pelletier/go-toml/v2"`, true},
	{"Dependencies", "layers/cache/a.go", `package cache; import _ "github.com/duckdb/duckdb-go/v2"`, true},
	{"Dependencies", "layers/cache/a.go", `package cache; import _ "example.com/unheard/of"`, true},
	{"Dependencies", "layers/cache/a.go", `package cache; import _ "pgregory.net/rapid"`, true},
	{"Dependencies", "layers/cache/a_test.go", `package cache; import _ "pgregory.net/rapid"`, false},
	{"Dependencies", "cmd/metaxy/a.go", `package main; import _ "github.com/spf13/cobra"`, false},
	{"Init", "core/a.go", `package core; func init() {}`, true},
	{"Init", "core/a.go", `package core; type t int; func (t) init() {}`, false},
	{"Globals", "core/a.go", `package core; var n int`, true},
	{"Globals", "core/a.go", `package core; var n = 1; func f() { n++ }`, true},
	{"Globals", "core/a.go", `package core; var m = map[string]int{}; func f() { m["a"] = 1 }`, true},
	{"Globals", "core/a.go", `package core; var m = map[string]int{"a": 1}; func f() int { m := 2; m++; return m }`, false},
	{"Globals", "core/a.go", `package core; var M = map[string]int{"a": 1}`, true},
	{"Globals", "core/a.go", `package core; var mu = 0; var x sync.Mutex = sync.Mutex{}`, true},
	{"Globals", "core/a.go", `package core; import "errors"; var Err = errors.New("x"); var _ = Err`, false},
	{"ProcessWide", "layers/metrics/a.go", `package metrics; import _ "github.com/prometheus/client_golang/prometheus/promauto"`, true},
	{"ProcessWide", "layers/metrics/a.go", `package metrics; import "log/slog"; func f() { slog.SetDefault(nil) }`, true},
	{"Embedding", "layers/cache/a.go", `package cache; import "github.com/metaxy-go/metaxy/core"; type s struct { core.Store }`, true},
	{"Embedding", "layers/cache/a.go", `package cache; import "github.com/metaxy-go/metaxy/core"; type s struct { next core.Store }`, false},
	{"Embedding", "layers/cache/a.go", `package cache; type base struct{}; func (*base) Read(x string) error { return nil }; func (*base) Close() error { return nil }; type s struct { *base }`, true},
	{"Embedding", "layers/cache/a.go", `package cache; import "strings"; type s struct { strings.Builder }`, false},
	{"Assertions", "layers/cache/a.go", `package cache; import "github.com/metaxy-go/metaxy/core"; func f(s core.Store) { _, _ = s.(core.Describer) }`, true},
	{"Assertions", "layers/cache/a.go", `package cache; import "github.com/metaxy-go/metaxy/core"; func f(s core.Store) { _, _ = any(s).(core.Describer) }`, true},
	{"Assertions", "layers/cache/a.go", `package cache; import "github.com/metaxy-go/metaxy/core"; func f(s core.Store) { switch s.(type) { case core.Describer: } }`, true},
	{"Assertions", "layers/cache/a.go", `package cache; func f(e error) { _, _ = e.(interface{ Timeout() bool }) }`, false},
	{"Panics", "core/a.go", `package core; func f() { panic("x") }`, true},
	{"Panics", "core/a.go", `package core; import "os"; func f() { os.Exit(1) }`, true},
	{"Panics", "cmd/metaxy/a.go", `package main; import "os"; func f() { os.Exit(1) }`, false},
	{"Length", "core/a.go", "package core\n" + strings.Repeat("\n", MostLines), true},
	{"Face", "core/expr/a.go", "// Package expr.\npackage expr", true},
	{"Face", "core/expr/expr.go", "package expr", true},
	{"Face", "core/expr/expr.go", "// Package expr.\npackage expr", false},
	{"Examples", "core/a.go", `package core; func NewThing() {}`, true},
	{"Examples", "core/a.go", `package core; func Newest() {}`, false},
	{"Examples", "core/internal/x/a.go", `package x; func NewThing() {}`, false},
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range fixtures {
		tree := newTree(t, map[string]string{"core/store.go": storeSrc, c.path: c.src})
		found := of(rule(t, c.rule).Check(tree), c.path)
		if c.bad != (len(found) > 0) {
			t.Errorf("%s on %s\n%s\nfound %v, want a finding: %t", c.rule, c.path, c.src, found, c.bad)
		}
		seen[c.rule] = seen[c.rule] || c.bad
	}
	for _, r := range Rules() {
		if !seen[r.Name] && r.Name != "Modules" && r.Name != "Leftovers" && r.Name != "Proofs" {
			t.Errorf("no fixture breaks the rule %s", r.Name)
		}
	}
}

func TestExampleFound(t *testing.T) {
	tree := newTree(t, map[string]string{
		"core/a.go":      `package core; func NewThing() {}`,
		"core/a_test.go": `package core_test; func ExampleNewThing() { core.NewThing() }`,
	})
	if found := examples(tree); len(found) > 0 {
		t.Error(found)
	}
}

func TestProofs(t *testing.T) {
	tree := newTree(t, map[string]string{"core/a_test.go": "package core; import \"testing\"; func TestThere(t *testing.T) {}"})
	tree.Text = map[string][]byte{"docs/threat-model.md": []byte("# Claims\n\n`TestThere`, `TestGone`\n`TestThere`\n")}
	found := proofs(tree)
	if len(found) != 1 || found[0].Line != 3 || !strings.Contains(found[0].Text, "TestGone") {
		t.Errorf("%v", found)
	}
}

func TestModules(t *testing.T) {
	tree := &Tree{Text: map[string][]byte{
		"go.work":            []byte("use (\n\t.\n\t./bench\n)\n"),
		"go.mod":             []byte("module " + Module + "\nrequire github.com/spf13/cobra v1.0.0\n"),
		"bench/go.mod":       []byte("module " + Module + "/bench\nrequire (\n\t" + Module + " v0.0.0\n)\nreplace " + Module + " => ..\n"),
		"cmd/metaxy/go.mod":  []byte("module " + Module + "/cmd/metaxy\n"),
		"engines/ray/go.mod": []byte("module " + Module + "/engines/ray\nrequire " + Module + " v0.0.0\n"),
	}}
	found := modules(tree)
	for name, want := range map[string]int{"go.mod": 1, "bench/go.mod": 0, "cmd/metaxy/go.mod": 1, "engines/ray/go.mod": 2} {
		if got := of(found, name); len(got) != want {
			t.Errorf("%s: %d findings, want %d: %v", name, len(got), want, got)
		}
	}
}

func TestLeftovers(t *testing.T) {
	for text, bad := range map[string]bool{
		"see /wor" + "k/main/x":              true,
		"a framework/ folder":                false,
		"GOPROXY=htt" + "p://cache:3141/go/": true,
		"http://cache:3" + "141/x":           true,
		"http://localhost:8080/x":            false,
		"https://metaxy.example.com/":        false,
		"x := 1 // TO" + "DO later":          true,
	} {
		tree := &Tree{Text: map[string][]byte{"a.go": []byte(text + "\n")}}
		if found := leftovers(tree); bad != (len(found) > 0) {
			t.Errorf("%q: found %v, want a finding: %t", text, found, bad)
		}
	}
}

func TestExemptions(t *testing.T) {
	tree := newTree(t, map[string]string{"core/a.go": `package core; func f() { panic("x") }`})
	r := Rule{Check: panics, Allow: map[string]string{"core/a.go f": "a reason", "core/b.go g": "of old"}}
	found, unused := r.Breaches(tree)
	if len(found) > 0 || !slices.Equal(unused, []string{"core/b.go g"}) {
		t.Errorf("found %v, unused %v", found, unused)
	}
	r = Rule{Check: panics, Allow: map[string]string{"core/": "the whole folder", "cor/": "another"}}
	found, unused = r.Breaches(tree)
	if len(found) > 0 || !slices.Equal(unused, []string{"cor/"}) {
		t.Errorf("found %v, unused %v", found, unused)
	}
}

func newTree(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	tree, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func rule(t *testing.T, name string) Rule {
	t.Helper()
	for _, r := range Rules() {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no rule %s", name)
	return Rule{}
}

// of keeps what is about a path, its folder included.
func of(found []Finding, path string) []Finding {
	var out []Finding
	dir := path[:max(strings.LastIndex(path, "/"), 0)]
	for _, f := range found {
		if at, _, _ := strings.Cut(f.Key, " "); at == path || at == dir {
			out = append(out, f)
		}
	}
	return out
}
