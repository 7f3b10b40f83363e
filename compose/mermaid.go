package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// Mermaid draws a flowchart: a box for each stack, dashed arrows from a
// fallback to its legs.
func (d Drawing) Mermaid() string {
	m := mermaid{}
	m.stack("s", d.Description)
	return "flowchart TD\n" + m.boxes.String() + m.arrows.String()
}

type mermaid struct{ boxes, arrows strings.Builder }

// stack draws one stack and returns the id of its outermost node.
func (m *mermaid) stack(id string, d core.Description) string {
	node := func(i int) string { return fmt.Sprintf("%s_%d", id, i+1) }
	fmt.Fprintf(&m.boxes, "  subgraph %s[%s]\n", id, label(title(d)))
	for i, l := range d.Layers {
		fmt.Fprintf(&m.boxes, "    %s[%s]\n", node(i), label(l.Phase.String()+": "+l.Name, summary(l)))
	}
	fmt.Fprintf(&m.boxes, "    %s[(%s)]\n", node(len(d.Layers)), label(d.Backend))
	for i := range d.Layers {
		fmt.Fprintf(&m.boxes, "    %s --> %s\n", node(i), node(i+1))
	}
	for i, rule := range slices.Sorted(maps.Keys(d.Accepted)) {
		fmt.Fprintf(&m.boxes, "    %s_a%d>%s]\n", id, i+1, label(rule+" accepted", d.Accepted[rule]))
	}
	m.boxes.WriteString("  end\n")
	for i, l := range d.Layers {
		for j, leg := range l.Legs {
			first := m.stack(fmt.Sprintf("%s_leg%d", node(i), j+1), leg)
			fmt.Fprintf(&m.arrows, "  %s -.-> %s\n", node(i), first)
		}
	}
	return node(0)
}

// label quotes text for a node, a line for each part.
func label(parts ...string) string {
	escape := strings.NewReplacer(`&`, "&amp;", `"`, "#quot;", `<`, "&lt;", `>`, "&gt;", "`", "#96;")
	var lines []string
	for _, p := range parts {
		if p = clean(p); p != "" {
			lines = append(lines, escape.Replace(p))
		}
	}
	if len(lines) == 0 {
		lines = []string{" "}
	}
	return `"` + strings.Join(lines, "<br/>") + `"`
}
