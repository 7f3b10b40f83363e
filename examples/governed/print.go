package main

import (
	"fmt"
	"io"
	"os"
	"strings"
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

// table prints rows in columns, the first row faint; numbers stand to the right.
func (p printer) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 || len(row) == len(rows[0]) { // a short row ends with a text that may be long
				widths[i] = max(widths[i], width(c))
			}
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", max(0, widths[i]-width(c)))
			if number(rows, i) {
				b.WriteString("  " + pad + c)
			} else {
				b.WriteString("  " + c + pad)
			}
		}
		text := strings.TrimRight(b.String(), " ")
		if n == 0 {
			text = p.paint(faint, text)
		}
		p.line(" %s", text)
	}
}

// width is how many places a text takes on a terminal; an emoji takes two.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1F000 {
			n++
		}
	}
	return n
}

// number reports a column of numbers.
func number(rows [][]string, col int) bool {
	some := false
	for _, row := range rows[1:] {
		if col >= len(row) || row[col] == "" || row[col] == "-" {
			continue
		}
		if strings.Trim(row[col], "0123456789,") != "" {
			return false
		}
		some = true
	}
	return some
}

// thousands prints 4292 as 4,292.
func thousands[N ~int | ~int64](n N) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// cut leaves out of an error which call and layer it comes from, and what lies
// behind its reason.
func cut(err error) string {
	if err == nil {
		return "allowed"
	}
	parts := strings.SplitN(err.Error(), ": ", 5) // call, layer, sentinel, reason, more
	return strings.Join(parts[min(2, len(parts)-1):min(4, len(parts))], ": ")
}
