package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
)

// Every problem of a file is told at once, each with its place and only once.
func TestCheckTellsAll(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "features.toml", "[features.a]\nidd = \"id\"\n")
	path := write(t, dir, "metaxy.toml", `features = "features.toml"
defaul = "dev"
[stores.prod]
backend = "memory://"
[stores.prod.cache]
max_bytes = "256 mb"
max_item = "lots"
ttl = "0s"
missing_ttl = "-1s"
[stores.staging]
backend = "memory://"
[stores.staging.cache]
max_bytes = "1MiB"
max_item = "2MiB"
[stores.dev]
backend = "duckbd://x"
fallback = ["staging"]
[stores.dev.retry]
backoff_first = "3s"
[stores.dev.metrics]
per_feature = -1
[stores.old]
backend = "clickhouse://h"
fallback = ["staging"]
accept = { one-access = "" , no-rule = "x" }
[stores.old.retry]
breaker_pause = "1s"
[stores.web]
backend = "memory://"
accept = { one-access = "because", no-rule = "x" }
cache = { above_crypto = "perhaps" }
`)
	_, err := config.Check(path, config.NewRegistry())
	want := []string{
		`metaxy.toml:2:1: unknown key "defaul"; did you mean "default"?`,
		`metaxy.toml:6:1: max_bytes: want bytes, such as 1048576 or "256MiB"; did you mean "256MB"?`,
		`metaxy.toml:7:1: max_item: want bytes, such as 1048576 or "256MiB"`,
		`metaxy.toml:8:1: ttl: want more than zero`,
		`metaxy.toml:9:1: missing_ttl: want no negative value`,
		`metaxy.toml:21:1: per_feature: want no negative value`,
		`metaxy.toml:31:11: above_crypto is a string, want true or false`,
		`metaxy.toml:12:17: cache: invalid: cache: max item is 2097152 bytes, want at most max bytes (1048576)`,
		`metaxy.toml:23:1: store old: this program was built without the backend clickhouse://: import github.com/metaxy-go/metaxy/backends/clickhouse and register it with config.NewRegistry`,
		`metaxy.toml:26:13: retry: breaker_pause without breaker_failures`,
		`features.toml:2:1: unknown key "idd" in [features.a]; did you mean "id"?`,
	}
	if err == nil {
		t.Fatal("no problem")
	}
	got := strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
	for i := range max(len(got), len(want)) {
		g, w := at(got, i), at(want, i)
		if g != w {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, g, w)
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(none)"
}

// The rules of compose apply to what the file says.
func TestCheckRules(t *testing.T) {
	path := write(t, t.TempDir(), "metaxy.toml", `[stores.a]
backend = "memory://"
accept = { one-access = "because", no-rule = "x" }
[stores.b]
backend = "memory://"
fallback = ["a"]
`)
	_, err := config.Check(path, config.NewRegistry())
	want := path + ":1:9: store a: acceptance: there is no rule \"no-rule\"\n" + path + ":1:9: store a: acceptance: one-access is not broken: leave its Accept out"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What the environment lacks is told apart from what is wrong.
func TestCheckNeeds(t *testing.T) {
	path := write(t, t.TempDir(), "metaxy.toml", `[stores.dev]
backend = "memory://"
fallback = ["prod"]
[stores.prod]
backend = "${SCHEME}://${HOST}/${DB:-x}"
password = "env:PW"
[stores.prod.cache]
max_bytes = "${BYTES}"
above_crypto = "${PLAIN:-false}"
max_entries = "${N:-12}"
`)
	set := map[string]string{}
	env := config.Environment(func(n string) (string, bool) { v, ok := set[n]; return v, ok })
	c, err := config.Check(path, config.NewRegistry(), env)
	if err != nil {
		t.Fatal(err)
	}
	needs, err := c.Needs("dev")
	if err != nil || strings.Join(needs, " ") != "BYTES HOST PW SCHEME" {
		t.Error(needs, err)
	}
	set["BYTES"] = "2 PB"
	if _, err := config.Check(path, config.NewRegistry(), env); err == nil || err.Error() != path+`:8:1: max_bytes: want bytes, such as 1048576 or "256MiB"` {
		t.Error(err)
	}
	set["BYTES"], set["SCHEME"] = "2MB", "memroy"
	if _, err := config.Check(path, config.NewRegistry(), env); err != nil { // HOST is still missing, so the URL is not known
		t.Error(err)
	}
	set["HOST"] = ""
	if _, err := config.Check(path, config.NewRegistry(), env); err == nil || !strings.Contains(err.Error(), `unknown backend memroy://; did you mean "memory"?`) {
		t.Error(err)
	}
	if _, err := c.Needs("dve"); err == nil {
		t.Error("an unknown store needs nothing")
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
