package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Explain says who will do what: one line for each part that storage answers,
// that the store does in memory above its storage, and that is left to this
// frame. It asks the store for its capabilities alone. Literals are shown as
// "?", since a description holds no values.
func (f Frame) Explain() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("scan %s%s", printable(f.req.Key), f.moment())
	if err := f.mistake(); err != nil {
		line("  invalid   %v", err)
		return b.String()
	}
	caps := f.store.Capabilities()
	columns := "all columns"
	if f.req.Columns != nil {
		columns = "columns " + strings.Join(f.req.Columns, ", ")
	}
	if f.req.Columns == nil || caps.PushColumns {
		line("  storage   %s", columns)
	} else {
		line("  storage   all columns")
	}
	var above []expr.Expr
	for _, term := range expr.Conjuncts(f.req.Filter) {
		if caps.PushFilters.Has(term.Kinds()) {
			line("  storage   filter %s", expr.Shape(term))
		} else {
			above = append(above, term)
		}
	}
	for _, term := range above {
		line("  memory    filter %s", expr.Shape(term))
	}
	if f.req.Columns != nil && !caps.PushColumns {
		line("  memory    %s", columns)
	}
	if !caps.TimeTravel && (f.req.History || !f.req.AsOf.IsZero()) {
		line("  refused   this store keeps no history")
	}
	if f.limited {
		line("  frame     stops after %d rows", f.limit)
	}
	return b.String()
}

// moment is what the frame shows beside the latest row of each sample.
func (f Frame) moment() string {
	var parts []string
	if f.req.History {
		parts = append(parts, "with its history")
	}
	switch a := f.req.AsOf; {
	case a.Seq != 0:
		parts = append(parts, fmt.Sprintf("as of commit %d", a.Seq))
	case !a.Time.IsZero():
		parts = append(parts, "as of "+a.Time.UTC().Format(time.RFC3339Nano))
	}
	if f.req.Local {
		parts = append(parts, "without fallbacks")
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ", ")
}
