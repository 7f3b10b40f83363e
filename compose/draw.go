package compose

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
)

// Drawing is a description that can be shown: fmt.Print gives a tree, Mermaid
// a flowchart, json.Marshal the data.
type Drawing struct {
	core.Description
}

// Describe describes any store. One that is not a Stack is shown as a backend
// with the name of its package.
func Describe(s core.Store) Drawing {
	if isNil(s) {
		return Drawing{}
	}
	return Drawing{core.DescribeStore(s)}
}

// MarshalJSON gives the description as JSON.
func (d Drawing) MarshalJSON() ([]byte, error) { return json.Marshal(d.Description) }

// String draws a tree, outermost first: phase, name and summary of each layer,
// the legs of a fallback under it, the backend last, and what was accepted.
func (d Drawing) String() string {
	var b strings.Builder
	b.WriteString(title(d.Description) + "\n")
	drawTree(&b, "", d.Description)
	return b.String()
}

func title(d core.Description) string {
	if d.Name == "" {
		return "stack"
	}
	return clean(d.Name)
}

func drawTree(b *strings.Builder, indent string, d core.Description) {
	w := widthsOf(d)
	for _, l := range d.Layers {
		fmt.Fprintf(b, "%s├─ %s\n", indent, w.line(l.Phase.String(), l.Name, summary(l)))
		for i, leg := range l.Legs {
			branch, below := "├─ ", "│  "
			if i == len(l.Legs)-1 {
				branch, below = "└─ ", "   "
			}
			fmt.Fprintf(b, "%s│  %s%s\n", indent, branch, title(leg))
			drawTree(b, indent+"│  "+below, leg)
		}
	}
	fmt.Fprintf(b, "%s└─ %s\n", indent, w.line("backend", d.Backend, ""))
	for _, rule := range slices.Sorted(maps.Keys(d.Accepted)) {
		fmt.Fprintf(b, "%s!  %s accepted: %s\n", indent, clean(rule), clean(d.Accepted[rule]))
	}
}

// summary adds what a reader must not miss to a layer's own words.
func summary(l core.LayerInfo) string {
	words := []string{}
	if l.Summary != "" {
		words = append(words, l.Summary)
	}
	if l.Persists {
		words = append(words, "keeps rows on disk")
	}
	if l.Copies {
		words = append(words, "keeps copies of rows")
	}
	return strings.Join(words, ", ")
}

// widths are those of the first two columns of a tree, in characters.
type widths struct{ phase, name int }

func widthsOf(d core.Description) widths {
	w := widths{phase: len("backend")}
	for _, l := range d.Layers {
		w.phase = max(w.phase, utf8.RuneCountInString(l.Phase.String()))
		w.name = max(w.name, utf8.RuneCountInString(clean(l.Name)))
	}
	return w
}

func (w widths) line(phase, name, rest string) string {
	return strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %s", w.phase, phase, w.name, clean(name), clean(rest)), " ")
}

// clean keeps a name from breaking the drawing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
