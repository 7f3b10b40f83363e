package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

const sample = `
default  = "dev"
features = ["features.toml", "more/${EXTRA:-extra}.toml"]

[stores.dev]
backend  = "memory://"
fallback = ["staging", "prod"]
fallback_on_unavailable = true

[stores.dev.logging]
level = "debug"
slow  = "1s"

[stores.staging]
backend  = "memory://"
fallback = "prod"

[stores.prod]
backend = "memory://"
[stores.prod.logging]
level = "${LEVEL:-warn}"
`

func parse(t *testing.T, doc string) *config.Config {
	t.Helper()
	c, err := config.Parse("metaxy.toml", []byte(doc), "/srv", config.Environment(func(name string) (string, bool) {
		return "value of " + name, strings.HasPrefix(name, "SET")
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A stack from the file and one from code describe themselves identically.
func TestFileAndCodeDescribeAlike(t *testing.T) {
	c := parse(t, sample)
	fromFile, err := c.Open(t.Context(), config.NewRegistry(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer fromFile.Close()

	logger := zap.NewNop()
	stack := func(name string, layers ...core.Layer) core.Store {
		s, err := compose.New(memory.New(), compose.Named(name), compose.With(layers...))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	prod := stack("prod", logging.New(logger))
	staging := stack("staging", fallback.New(prod))
	fromCode, err := compose.New(memory.New(), compose.Named("dev"), compose.With(
		fallback.NewWith(fallback.Leg("", staging), fallback.Leg("", prod), fallback.OnUnavailable()),
		logging.New(logger, logging.SlowThreshold(time.Second)),
	))
	if err != nil {
		t.Fatal(err)
	}
	defer fromCode.Close()
	for name, draw := range map[string]func(s *compose.Stack) string{
		"text":    (*compose.Stack).String,
		"mermaid": (*compose.Stack).Mermaid,
		"json": func(s *compose.Stack) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		},
	} {
		if a, b := draw(fromFile), draw(fromCode); a != b {
			t.Errorf("%s:\nfile\n%s\ncode\n%s", name, a, b)
		}
	}
}

// The drawing needs nothing of what it shows.
func TestDescribeOpensNothing(t *testing.T) {
	c := parse(t, sample)
	opened, err := c.Open(t.Context(), config.NewRegistry(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	drawn, err := c.Describe("")
	if err != nil || drawn.String() != opened.String() {
		t.Errorf("%v\n%s\n%s", err, drawn, opened)
	}
	c = parse(t, "[stores.a]\nbackend = \"duckdb://${UNSET}/x.duckdb\"\n")
	if drawn, err := c.Describe("a"); err != nil || drawn.String() != "a\n└─ backend  duckdb\n" {
		t.Errorf("%v\n%s", err, drawn)
	}
}

func TestPathsAndNames(t *testing.T) {
	c := parse(t, sample)
	if got := fmt.Sprint(c.Features); got != "[/srv/features.toml /srv/more/extra.toml]" {
		t.Error(got)
	}
	if got := fmt.Sprint(c.Names()); got != "[dev staging prod]" {
		t.Error(got)
	}
	if _, err := c.Store("elsewhere"); err == nil || !strings.Contains(err.Error(), `unknown store "elsewhere"; there are [`) {
		t.Error(err)
	}
	if _, err := c.Store("pord"); err == nil || !strings.Contains(err.Error(), `unknown store "pord"; did you mean "prod"?`) {
		t.Error(err)
	}
	none := parse(t, "[stores.a]\nbackend = \"memory://\"\n[stores.b]\nbackend = \"memory://\"\n")
	if _, err := none.Store(""); err == nil || !strings.Contains(err.Error(), "which store? Name one of [a b]") {
		t.Error(err)
	}
}

func TestBackendURLs(t *testing.T) {
	var got []string
	opener := func(_ context.Context, url string) (core.Store, error) {
		got = append(got, url)
		return memory.New(), nil
	}
	reg := config.NewRegistry(config.FileBackend("duckdb", opener), config.Backend("clickhouse", opener))
	c := parse(t, `
[stores.a]
backend = "duckdb://dev.duckdb?read_only=true"
[stores.b]
backend = "duckdb:///var/dev.duckdb"
[stores.c]
backend = "duckdb://:memory:"
[stores.d]
backend = "duckdb://${SET_DIR}/${UNSET:-x}.duckdb"
[stores.e]
backend = "clickhouse://user:${SET_PW}@host/db$$1"
[stores.f]
backend = "clickhouse://${UNSET}"
`)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s, err := c.Open(t.Context(), reg, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"duckdb:///srv/dev.duckdb?read_only=true", "duckdb:///var/dev.duckdb", "duckdb://:memory:",
		"duckdb:///srv/value of SET_DIR/x.duckdb", "clickhouse://user:value of SET_PW@host/db$1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	_, err := c.Open(t.Context(), reg, "f")
	if err == nil || err.Error() != "metaxy.toml:13:1: store f: environment variable UNSET is not set; ${UNSET:-text} would give a default" || !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}

func TestUnknownSchemes(t *testing.T) {
	for url, want := range map[string]string{
		"duckdb://x":    "metaxy.toml:2:1: store a: this program was built without the backend duckdb://: import github.com/metaxy-go/metaxy/backends/duckdb and register it with config.NewRegistry",
		"postgres://u@": "metaxy.toml:2:1: store a: this program was built without the backend postgres://: import github.com/metaxy-go/metaxy/backends/sql and register it with config.NewRegistry",
		"memry://":      `metaxy.toml:2:1: store a: unknown backend memry://; did you mean "memory"?; this program has memory`,
		"memory://x":    `metaxy.toml:2:1: store a: the backend in memory has no options: write "memory://"`,
	} {
		c := parse(t, "[stores.a]\nbackend = \""+url+"\"\n")
		_, err := c.Open(t.Context(), config.NewRegistry(), "a")
		if err == nil || err.Error() != want || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	const backend = "backend = \"memory://\"\n"
	for name, c := range map[string]struct{ doc, want string }{
		"unknown key":       {"defaul = \"x\"\n", `metaxy.toml:1:1: unknown key "defaul"; did you mean "default"?`},
		"unknown store key": {"[stores.a]\n" + backend + "fallbacks = []\n", `metaxy.toml:3:1: unknown key "fallbacks" in [stores.a]; did you mean "fallback"?`},
		"unknown layer":     {"[stores.a]\n" + backend + "[stores.a.loging]\n", `metaxy.toml:3:11: unknown key "loging" in [stores.a]; did you mean "logging"?`},
		"unknown layer key": {"[stores.a]\n" + backend + "[stores.a.logging]\nlevl = \"info\"\n", `metaxy.toml:4:1: unknown key "levl" in [stores.a.logging]; did you mean "level"?`},
		"value":             {"[stores.a]\n" + backend + "[stores.a.logging]\nlevel = \"inof\"\n", `metaxy.toml:4:1: level: unknown value "inof"; did you mean "info"?; there are debug, info, warn, error`},
		"duration":          {"[stores.a]\n" + backend + "[stores.a.logging]\nslow = \"1 second\"\n", `metaxy.toml:4:1: slow: want a duration such as "1m30s"`},
		"type":              {"[stores.a]\n" + backend + "[stores.a.logging]\nhide_error_text = \"yes\"\n", `metaxy.toml:4:1: hide_error_text is a string, want true or false`},
		"no backend":        {"[stores.a]\n", `metaxy.toml:1:9: store a has no backend: set one such as "duckdb://a.duckdb"`},
		"no URL":            {"[stores.a]\nbackend = \"dev.duckdb\"\n", `metaxy.toml:2:1: backend: want a URL such as "duckdb://dev.duckdb" or "memory://"`},
		"mistyped backend":  {"[stores.a]\nbackend = 5\n", `metaxy.toml:2:1: backend is an integer, want a string`},
		"default":           {"default = \"b\"\n[stores.a]\n" + backend, `metaxy.toml:1:1: default: unknown store "b"`},
		"leg":               {"[stores.prod]\n" + backend + "[stores.a]\n" + backend + "fallback = [\"prd\"]\n", `metaxy.toml:5:13: store a falls back to unknown store "prd"; did you mean "prod"?`},
		"itself":            {"[stores.a]\n" + backend + "fallback = [\"a\"]\n", `metaxy.toml:3:13: store a falls back to itself`},
		"circle": {
			"[stores.a]\n" + backend + "fallback = [\"b\"]\n[stores.b]\n" + backend + "fallback = [\"c\"]\n[stores.c]\n" + backend + "fallback = [\"b\"]\n",
			`metaxy.toml:9:13: stores fall back on each other in a circle: b → c → b`,
		},
		"own storage": {
			"[stores.a]\nbackend = \"duckdb://x.duckdb\"\nfallback = [\"m\"]\n[stores.m]\nbackend = \"memory://\"\nfallback = [\"b\"]\n" +
				"[stores.b]\nbackend = \"duckdb://./x.duckdb?read_only=true\"\n",
			`metaxy.toml:3:13: store a falls back to m, whose storage is its own: b has the same backend`,
		},
		"twice":  {"[stores.b]\n" + backend + "[stores.a]\n" + backend + "fallback = [\"b\", \"b\"]\n", `metaxy.toml:5:18: store a falls back to b twice`},
		"dollar": {"default = \"$x\"\n", `metaxy.toml:1:1: default: a lone $: write ${NAME} for a variable and $$ for a dollar sign`},
	} {
		_, err := config.Parse("metaxy.toml", []byte(c.doc), ".")
		if err == nil || err.Error() != c.want || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

// What was opened before something went wrong is closed again.
func TestOpenClosesOnError(t *testing.T) {
	var opened []core.Store
	open := func(_ context.Context, url string) (core.Store, error) {
		if strings.Contains(url, "broken") {
			return nil, core.ErrUnavailable
		}
		s := memory.New()
		opened = append(opened, s)
		return s, nil
	}
	reg := config.NewRegistry(config.Backend("x", open))
	c := parse(t, `
[stores.dev]
backend = "x://broken"
fallback = ["prod"]
[stores.prod]
backend = "x://fine"
[stores.refused]
backend = "x://also/fine"
fallback = ["prod"]
accept = { one-access = "no reason" }
`)
	for _, name := range []string{"dev", "refused"} {
		opened = nil
		_, err := c.Open(t.Context(), reg, name)
		if err == nil || name == "dev" && !errors.Is(err, core.ErrUnavailable) {
			t.Error(name, err)
		}
		if len(opened) == 0 {
			t.Error("nothing was opened")
		}
		for _, s := range opened {
			if _, err := s.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrClosed) {
				t.Error(name, "left open:", err)
			}
		}
	}
}

func TestFindAndLoad(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, config.FileName)
	for file, text := range map[string]string{path: "features = \"f.toml\"\n[stores.x]\nbackend = \"memory://\"\n", filepath.Join(dir, "f.toml"): "[features.a]\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := config.Find(deep)
	if err != nil || found != path {
		t.Fatal(found, err)
	}
	c, err := config.Load(found)
	if err != nil || c.Dir != dir || c.Path != path {
		t.Fatal(c, err)
	}
	g, err := c.Graph()
	if err != nil || len(g.Keys()) != 1 {
		t.Fatal(g, err)
	}
	if name, err := c.Store(""); name != "x" || err != nil {
		t.Error(name, err)
	}
	if _, err := config.Load(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestLoggerOfTheProgram(t *testing.T) {
	sink, logs := observer.New(zap.InfoLevel)
	c := parse(t, "[stores.a]\nbackend = \"memory://\"\n[stores.a.logging]\nlevel = \"debug\"\n")
	s, err := c.Open(t.Context(), config.NewRegistry(config.Logger(zap.New(sink))), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Read(t.Context(), core.ReadRequest{Key: "A"}); err == nil {
		t.Fatal("a bad key was read")
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["store"] != "a" {
		t.Errorf("%v", logs.All())
	}
}

// A layer from elsewhere is one value.
func TestForeignLayer(t *testing.T) {
	var got config.Values
	kind := config.LayerKind{
		Table: "cache",
		Keys: []config.Key{
			{Name: "max_bytes", Kind: config.Size, Default: "1MiB"},
			{Name: "ttl", Kind: config.Duration},
			{Name: "columns", Kind: config.TextList},
			{Name: "shards", Kind: config.Number},
			{Name: "on", Kind: config.Flag, Default: "true"},
			{Name: "key", Required: true, Doc: "what it is"},
		},
		Make: func(v config.Values, _ config.Env) (core.Layer, error) { got = v; return logging.New(nil), nil },
	}
	doc := "[stores.a]\nbackend = \"memory://\"\n[stores.a.cache]\n"
	if _, err := config.Parse("m", []byte(doc), ".", config.Layers(kind)); err == nil || err.Error() != "m:3:11: [stores.a.cache] lacks key: what it is" {
		t.Error(err)
	}
	c, err := config.Parse("m", []byte(doc+"key = \"k\"\nttl = \"2m\"\ncolumns = [\"a\", \"${N:-b}\"]\nshards = 3\n"), ".", config.Layers(kind))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open(t.Context(), config.NewRegistry(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got.Number("max_bytes") != 1<<20 || got.Duration("ttl") != 2*time.Minute || fmt.Sprint(got.TextList("columns")) != "[a b]" ||
		got.Number("shards") != 3 || !got.Flag("on") || got.Text("key") != "k" {
		t.Errorf("%+v", got)
	}
	if _, err := config.Parse("m", []byte(doc+"key = \"k\"\nmax_bytes = \"lots\"\n"), ".", config.Layers(kind)); err == nil || err.Error() != `m:5:1: max_bytes: want bytes, such as 1048576 or "256MiB"` {
		t.Error(err)
	}
}

// Every key of every layer is documented and its default is valid.
func TestKindsAreComplete(t *testing.T) {
	for _, k := range config.Kinds() {
		doc := "[stores.a]\nbackend = \"memory://\"\n" + defaults(t, "stores.a."+k.Table, config.Table, k.Keys)
		if _, err := config.Parse("m", []byte(doc), "."); err != nil {
			t.Error(err)
		}
	}
}

// defaults writes a table with all its defaults, and what is required.
func defaults(t *testing.T, name string, kind config.Kind, keys []config.Key) string {
	t.Helper()
	var doc, below strings.Builder
	if kind == config.Tables {
		name = "[" + name + "]"
	}
	fmt.Fprintf(&doc, "[%s]\n", name)
	name = strings.Trim(name, "[]")
	for _, key := range keys {
		if key.Doc == "" {
			t.Errorf("%s.%s has no text", name, key.Name)
		}
		switch {
		case key.Kind == config.Table, key.Kind == config.Tables:
			if len(key.Keys) == 0 {
				t.Errorf("%s.%s has no keys", name, key.Name)
			}
			below.WriteString(defaults(t, name+"."+key.Name, key.Kind, key.Keys))
		case key.Required:
			text := "x"
			if key.Kind == config.URL {
				text = "x://y"
			}
			fmt.Fprintf(&doc, "%s = %q\n", key.Name, text)
		case key.Default == "":
		case key.Kind == config.Number || key.Kind == config.Flag:
			fmt.Fprintf(&doc, "%s = %s\n", key.Name, key.Default)
		default:
			fmt.Fprintf(&doc, "%s = %q\n", key.Name, key.Default)
		}
	}
	return doc.String() + below.String()
}

func ExampleConfig_Open() {
	c, err := config.Parse("metaxy.toml", []byte(`
[stores.dev]
backend  = "memory://"
fallback = ["prod"]

[stores.dev.logging]
level = "warn"

[stores.prod]
backend = "memory://"
`), ".")
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := c.Open(context.Background(), config.NewRegistry(), "dev")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	fmt.Print(store)
	// Output:
	// dev
	// ├─ observe   logging   info: write evolve
	// ├─ fallback  fallback  prod
	// │  └─ prod
	// │     └─ backend  memory
	// └─ backend   memory
}
