package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// String draws the report as a table, a line a feature. What is stale is told
// apart by containers, "≥" stands before a lower bound and "≈" before an
// estimate.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "new\tstale\torphaned\tunchanged\trow-level\tsaved\t  feature\n")
	for _, f := range r.Features {
		if f.Blocked != "" {
			fmt.Fprintf(w, "-\t-\t-\t-\t-\t-\t  %s: %s\n", f.Key, f.Blocked)
			continue
		}
		least, about := "", ""
		if f.AtLeast {
			least, about = "≥", "≈"
		}
		fmt.Fprintf(w, "%s%d\t%s%d\t%d\t%d\t%s%d\t%s%d\t  %s%s\n",
			least, f.New, least, f.Stale, f.Orphaned, f.Unchanged, least, f.RowLevel, about, f.Saved(), f.Key, f.notes())
	}
	_ = w.Flush() // into memory
	return b.String()
}

func (f Feature) notes() string {
	var notes []string
	if len(f.StaleBy) > 0 {
		var by []string
		for _, c := range slices.Sorted(maps.Keys(f.StaleBy)) {
			by = append(by, fmt.Sprintf("%s %d", c, f.StaleBy[c]))
		}
		notes = append(notes, "stale by "+strings.Join(by, ", "))
	}
	if f.Missing > 0 {
		notes = append(notes, fmt.Sprintf("%d wait for upstream", f.Missing))
	}
	if len(notes) == 0 {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}
