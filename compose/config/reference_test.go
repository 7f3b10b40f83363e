package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
)

const guide = "../../docs/guide/configuration.md"

// The guide's list of keys is made from the tables that the reader uses.
func TestGuideIsCurrent(t *testing.T) {
	text := readGuide(t)
	const begin, end = "<!-- keys: made from the program, see compose/config -->\n", "<!-- end of keys -->\n"
	before, rest, ok := strings.Cut(text, begin)
	found, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the keys", guide)
	}
	want := "\n" + config.Reference() + "\n"
	if found == want {
		return
	}
	if os.Getenv("METAXY_UPDATE_GOLDEN") == "" {
		t.Fatalf("%s is stale: run make golden", guide)
	}
	if err := os.WriteFile(guide, []byte(before+begin+want+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every file in the guide loads and its stores can be drawn.
func TestGuideFiles(t *testing.T) {
	n := 0
	for _, m := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(readGuide(t), -1) {
		n++
		path := filepath.Join(t.TempDir(), "metaxy.toml")
		if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		reg := config.NewRegistry(config.FileBackend("duckdb", nil), config.Backend("clickhouse", nil))
		c, err := config.Load(path)
		if err != nil {
			t.Errorf("%v in\n%s", err, m[1])
			continue
		}
		if _, err := config.Check(path, reg); err != nil && !strings.Contains(err.Error(), "features.toml") {
			t.Error(err)
		}
		for _, name := range c.Names() {
			if _, err := c.Describe(name); err != nil {
				t.Error(err)
			}
		}
	}
	if n < 2 {
		t.Errorf("%d files", n)
	}
}

// The guide's drawing is that of its first file.
func TestGuideDrawing(t *testing.T) {
	text := readGuide(t)
	_, rest, _ := strings.Cut(text, "```toml\n")
	doc, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "```\n")
	want, _, _ := strings.Cut(rest, "```")
	c, err := config.Parse("metaxy.toml", []byte(doc), ".")
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := c.Describe("dev")
	if err != nil || drawn.String() != want {
		t.Errorf("%v\ngot\n%swant\n%s", err, drawn, want)
	}
}

// What the reference lists is what the reader takes, and nothing else.
func TestReferenceIsWhatIsRead(t *testing.T) {
	keys := regexp.MustCompile("(?m)^\\| `([a-z_]+)`")
	for title, section := range sections(config.Reference()) {
		var listed []string
		for _, m := range keys.FindAllStringSubmatch(section, -1) {
			listed = append(listed, m[1])
		}
		table, isTable := strings.CutPrefix(strings.Trim(title, "`"), "[stores.NAME")
		list, isList := strings.CutPrefix(strings.Trim(title, "`"), "[[stores.NAME")
		for _, key := range append(listed, "no_such_key") {
			head := ""
			if isTable {
				head = "[stores.a" + table + "\n"
			}
			if isList {
				head = "[[stores.a" + list + "\n"
			}
			// A wrong type everywhere: known keys complain about it.
			_, err := config.Parse("m", []byte(head+key+" = 1.5\n"), ".")
			unknown := err != nil && strings.Contains(err.Error(), `unknown key "`+key+`"`)
			if unknown != (key == "no_such_key") {
				t.Errorf("%s %s: %v", title, key, err)
			}
		}
	}
}

func sections(text string) map[string]string {
	out := map[string]string{}
	for _, s := range strings.Split("\n"+text, "\n### ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		out[title] = body
	}
	return out
}

func readGuide(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ExampleReference() {
	_, text, _ := strings.Cut(config.Reference(), "### `[stores.NAME.cache]`")
	os.Stdout.WriteString(strings.Join(strings.Split(text, "\n")[:7], "\n"))
	// Output:
	//
	// Keeps what was read in memory.
	//
	// | key | value | default | |
	// |---|---|---|---|
	// | `max_bytes` | size, more than zero | `256MiB` | bound on the memory of what is kept |
}
