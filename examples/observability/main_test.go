package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	var out strings.Builder
	text, err := run(t.Context(), &out, t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	drawing, rest, _ := strings.Cut(out.String(), "\n\n")
	_, series, ok := strings.Cut(rest, "at /metrics\n")
	if !ok {
		t.Fatal(out.String())
	}
	storetest.Golden(t, "testdata/output.txt", drawing+"\n\n"+series)
	for _, want := range []string{
		"INFO\twriting metadata\t", `"filter": "sample_id <> ?"`, "SPAN\tread video/crop (rows)\t", "SPAN\tread video/thumbnail\tmetaxy.outcome=not_found",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String()+text, "secret.mp4") {
		t.Error("a row's value or a filter's literal is shown")
	}
	promtool(t, text)
}

// promtool lets Prometheus' own tool read what was scraped.
func promtool(t *testing.T, text string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		const why = "promtool is not installed (Debian: apt-get install prometheus)"
		if os.Getenv("METAXY_REQUIRE_SERVERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	cmd := exec.CommandContext(t.Context(), tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
