package metrics_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// catalog knows the exported families: their labels by name.
type catalog map[string]family

type family struct {
	labels    map[string]bool
	histogram bool
}

func exported(t *testing.T) catalog {
	t.Helper()
	out := catalog{}
	for _, f := range gathered(t) {
		labels := map[string]bool{}
		each([]*dto.MetricFamily{f}, func(_ string, m *dto.Metric) {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		})
		histogram := f.GetType() == dto.MetricType_HISTOGRAM
		if histogram {
			labels["le"] = true
		}
		out[f.GetName()] = family{labels: labels, histogram: histogram}
	}
	return out
}

var (
	selector = regexp.MustCompile(`\b(metaxy_\w+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring)\s*\(([^)]*)\)`)
)

// problems says what in the text is not exported, and notes what is.
func (c catalog) problems(text string, used map[string]bool) []string {
	var out []string
	labels := map[string]bool{}
	for _, m := range selector.FindAllStringSubmatch(text, -1) {
		name, f, ok := c.find(m[1])
		if !ok {
			out = append(out, m[1]+" is not exported")
			continue
		}
		used[name] = true
		for l := range f.labels {
			labels[l] = true
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !f.labels[l[1]] {
				out = append(out, name+" has no label "+l[1])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(text, -1) {
		for l := range strings.SplitSeq(g[1], ",") {
			if l = strings.TrimSpace(l); l != "" && !labels[l] {
				out = append(out, "no metric here has a label "+l)
			}
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

func (c catalog) find(name string) (string, family, bool) {
	if f, ok := c[name]; ok {
		return name, f, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && c[base].histogram {
			return base, c[base], true
		}
	}
	return "", family{}, false
}
