package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

const deploy = "../../deploy"

// dashboard is what this test needs of Grafana's format.
type dashboard struct {
	ID         *int    `json:"id"`
	UID        string  `json:"uid"`
	Inputs     []any   `json:"__inputs"` // questions of an export, which nobody answers for a provisioned file
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
			Definition string
		}
	}
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource source
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID      string
		Expr       string
		Datasource source
	}
}

type source struct{ Type, UID string }

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	text := read(t, "grafana/metaxy.json")
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The dashboard loads without edits: no question is open, no id is taken twice,
// and every panel asks the data source that is chosen above it.
func TestDashboard(t *testing.T) {
	d := loadDashboard(t)
	if d.ID != nil || d.UID == "" || len(d.Inputs) > 0 || len(d.Panels) < 10 {
		t.Errorf("id %v, uid %q, %d inputs, %d panels", d.ID, d.UID, len(d.Inputs), len(d.Panels))
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "store", "op"}) {
		t.Errorf("variables %v", variables)
	}
	chosen := source{Type: "prometheus", UID: "${datasource}"}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q: the id is taken or the title is missing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource != chosen || len(p.Targets) == 0 {
			t.Errorf("panel %q: data source %v, %d queries", p.Title, p.Datasource, len(p.Targets))
		}
		for _, q := range p.Targets {
			if q.Datasource != chosen || q.Expr == "" || q.RefID == "" {
				t.Errorf("panel %q: query %+v", p.Title, q)
			}
		}
	}
}

// Every name and label that the dashboard and the alerts use is one that the
// layer exports, and what it exports is shown or known to be left out.
func TestNamesExist(t *testing.T) {
	known := exported(t)
	used := map[string]bool{}
	check := func(where, text string) {
		for _, problem := range known.problems(text, used) {
			t.Errorf("%s: %s", where, problem)
		}
	}
	d := loadDashboard(t)
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			check("panel "+p.Title, q.Expr)
		}
	}
	for _, v := range d.Templating.List {
		check("variable "+v.Name, v.Definition)
	}
	check("alerts.yaml", read(t, "prometheus/alerts.yaml"))
	check("alerts_test.yaml", read(t, "prometheus/alerts_test.yaml"))
	for name := range known {
		// A probe's metrics are shown where they differ from the stack's.
		if !used[name] && !strings.HasPrefix(name, "metaxy_backend_") {
			t.Errorf("%s is neither on the dashboard nor in an alert", name)
		}
	}
	for _, wrong := range []string{`metaxy_no_such_total`, `metaxy_rows_total{feature="a"}`, `sum by (colour) (metaxy_rows_total)`, `metaxy_rows_total_bucket`} {
		if len(known.problems(wrong, used)) == 0 {
			t.Errorf("%s passes: the check shows nothing", wrong)
		}
	}
}

// A server that scrapes native histograms drops the classic buckets, and one
// that does not has nothing else: who asks for one form asks for both.
func TestBothHistograms(t *testing.T) {
	texts := []string{read(t, "prometheus/alerts.yaml")}
	for _, p := range loadDashboard(t).Panels {
		for _, q := range p.Targets {
			texts = append(texts, q.Expr)
		}
	}
	n := 0
	for _, text := range texts {
		for _, m := range regexp.MustCompile(`(metaxy_\w+)_bucket`).FindAllStringSubmatch(text, -1) {
			n++
			if !strings.Contains(text, m[1]+"{") {
				t.Errorf("%s asks for classic buckets alone", text)
			}
		}
	}
	if n == 0 {
		t.Error("nothing asks for a time: the check shows nothing")
	}
}

// Every alert has a unit test.
func TestAlertsAreTested(t *testing.T) {
	alerts, tests := read(t, "prometheus/alerts.yaml"), read(t, "prometheus/alerts_test.yaml")
	found := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(alerts, -1)
	for _, m := range found {
		if !strings.Contains(tests, "alertname: "+m[1]+"\n        exp_alerts:\n") {
			t.Errorf("no test lets %s fire", m[1])
		}
	}
	if len(found) < 5 {
		t.Errorf("%d alerts", len(found))
	}
}

// Prometheus' own tool reads the rules, runs their tests, and finds nothing to
// say about names, help and units.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		const why = "promtool is not installed (Debian: apt-get install prometheus)"
		if os.Getenv("METAXY_REQUIRE_SERVERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	dir, err := filepath.Abs(filepath.Join(deploy, "prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("", "check", "rules", "alerts.yaml")
	run("", "test", "rules", "alerts_test.yaml")
	run("", "check", "rules", asRules(t))
	run(plainText(t), "check", "metrics")
}

// asRules writes every query of the dashboard as a recording rule.
func asRules(t *testing.T) string {
	t.Helper()
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "3h", "$store", ".*", "$op", ".*")
	out := "groups:\n  - name: dashboard\n    rules:\n"
	n := 0
	for _, p := range loadDashboard(t).Panels {
		for _, q := range p.Targets {
			n++
			expr := variables.Replace(q.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q uses an unknown variable: %s", p.Title, expr)
			}
			text, err := json.Marshal(expr) // JSON strings are YAML
			if err != nil {
				t.Fatal(err)
			}
			out += fmt.Sprintf("      - {record: 'dashboard:query:%d', expr: %s}\n", n, text)
		}
	}
	name := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(name, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func gathered(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	tour(t, wrap(t, newFake(t), everything(reg)...))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func plainText(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	enc := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range gathered(t) {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
