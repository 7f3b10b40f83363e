package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
)

// printer writes to a terminal or to a file, where it uses no colour.
type printer struct {
	w      io.Writer
	colour bool
}

// newPrinter colours on a terminal, unless NO_COLOR is set to anything.
func newPrinter(f *os.File) printer {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return printer{w: f, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

const (
	bold  = "1"
	faint = "2"
	green = "32"
)

func (p printer) paint(style, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// step is a headline.
func (p printer) step(n int, format string, args ...any) {
	p.line("\n%s  %s", p.paint(green, fmt.Sprint(n)), p.paint(bold, fmt.Sprintf(format, args...)))
}

// planLine is one feature of the plan.
type planLine struct {
	feature core.FeatureKey
	stats   core.Stats
	parts   []string // the feature's containers in their order
}

// plan prints the lines as a table.
func (p printer) plan(lines []planLine) {
	rows := [][]string{{"feature", "new", "stale", "orphaned", "unchanged", "stale by container"}}
	for _, l := range lines {
		s := l.stats
		var by []string
		for _, part := range l.parts {
			if n := s.StaleBy[part]; n > 0 {
				by = append(by, part+" "+thousands(n))
			}
		}
		rows = append(rows, []string{string(l.feature), thousands(s.New), thousands(s.Stale), thousands(s.Orphaned), thousands(s.Unchanged), strings.Join(by, ", ")})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch {
			case i == 0:
				b.WriteString(cell + pad)
			case i == len(row)-1:
				b.WriteString("   " + cell)
			default:
				b.WriteString("  " + pad + cell)
			}
		}
		text := strings.TrimRight(b.String(), " ")
		if n == 0 {
			text = p.paint(faint, text)
		}
		p.line("   %s", text)
	}
}

// thousands prints 4292 as 4,292.
func thousands[N ~int | ~int64](n N) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
