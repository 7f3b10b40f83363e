package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// section is one table of the report.
type section struct {
	name  string // of the marker in the Markdown file
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (s *section) add(cells ...string) { s.rows = append(s.rows, cells) }

func (s *section) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// print writes the table for a terminal.
func (s *section) print(w io.Writer) {
	widths := make([]int, len(s.head))
	for _, row := range append([][]string{s.head}, s.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintf(w, "\n%s\n", s.title)
	for _, row := range append([][]string{s.head}, s.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if numeric(cell) || i > 0 && s.rightAligned(i) {
				line.WriteString("  " + pad + cell)
			} else {
				line.WriteString("  " + cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
	for _, n := range s.notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

// rightAligned reports whether the column holds numbers.
func (s *section) rightAligned(col int) bool {
	for _, row := range s.rows {
		if !numeric(row[col]) && row[col] != "" {
			return false
		}
	}
	return true
}

func numeric(cell string) bool { return cell != "" && cell[0] >= '0' && cell[0] <= '9' }

// markdown writes the table as it stands in the document.
func (s *section) markdown() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(s.head)
	rule := make([]string, len(s.head))
	for i := range rule {
		rule[i] = "---"
		if s.rightAligned(i) {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, row := range s.rows {
		line(row)
	}
	for _, n := range s.notes {
		b.WriteString("\n" + n + "\n")
	}
	return b.String()
}

// intoMarkdown puts each section between its markers in the file. A section
// that the file has no markers for is appended with its title.
func intoMarkdown(file string, sections []*section) error {
	src, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(src)
	for _, s := range sections {
		begin, end := "<!-- bench:"+s.name+" -->\n", "<!-- /bench:"+s.name+" -->\n"
		from, to := strings.Index(text, begin), strings.Index(text, end)
		if from < 0 || to < from {
			text += "\n## " + s.title + "\n\n" + begin + s.markdown() + end
			continue
		}
		text = text[:from+len(begin)] + s.markdown() + text[to:]
	}
	return os.WriteFile(file, []byte(strings.TrimLeft(text, "\n")), 0o644)
}
