package storetest

import (
	"iter"
	"maps"
	"strings"

	"github.com/metaxy-go/metaxy/core/expr"
)

// field cuts the value of one column out of a line that BatchLines made. It is
// for the suite's own data, whose values hold no blanks.
func field(line, name string) string {
	for cell := range strings.SplitSeq(line, " ") {
		if v, ok := strings.CutPrefix(cell, name+"="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// grep keeps the lines in which a column has a value.
func grep(lines []string, column, value string) []string {
	var out []string
	for _, l := range lines {
		if field(l, column) == value {
			out = append(out, l)
		}
	}
	return out
}

// mustParse is for the suite's own filters.
func mustParse(text string) expr.Expr {
	e, err := expr.Parse(text)
	if err != nil {
		panic("storetest: filter " + text + ": " + err.Error())
	}
	return e
}

// mapKeys is maps.Keys under a name that reads well with slices.Sorted.
func mapKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }
