package rowio

import (
	"bufio"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/rivo/uniseg"
)

// tableRows is how many rows decide the widths of a table's columns.
const tableRows = 1000

// tableWriter aligns columns for people. What comes after the rows that decided
// the widths is cut to them.
type tableWriter struct {
	w       *bufio.Writer
	columns []flat
	right   []bool
	widths  []int
	most    int
	null    string
	head    [][]string
	begun   bool
}

func newTableWriter(w *bufio.Writer, schema *arrow.Schema, o options) *tableWriter {
	t := &tableWriter{w: w, columns: flatten(schema), most: o.width, null: o.null}
	for _, c := range t.columns {
		t.right = append(t.right, isNumber(c.t))
		t.widths = append(t.widths, uniseg.StringWidth(c.name))
	}
	return t
}

func isNumber(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

func (t *tableWriter) write(b arrow.RecordBatch) error {
	for row := range int(b.NumRows()) {
		line := make([]string, len(t.columns))
		for i, c := range t.columns {
			v, around := c.of(b)
			line[i] = t.null
			if !isNull(v, row) && (around == nil || !around.IsNull(row)) {
				line[i] = t.cut(oneLine(cell(v, row)), t.most)
			}
		}
		if t.begun {
			if err := t.print(line); err != nil {
				return err
			}
			continue
		}
		for i, v := range line {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(v))
		}
		if t.head = append(t.head, line); len(t.head) == tableRows {
			if err := t.begin(); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneLine shows what would break the table or the terminal as escapes.
func oneLine(v string) string {
	var b strings.Builder
	for _, r := range v {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsControl(r):
			b.WriteRune('·')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cut shortens a text to a width, with an ellipsis as its last character.
func (t *tableWriter) cut(v string, width int) string {
	if width <= 0 || uniseg.StringWidth(v) <= width {
		return v
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(v); g.Next(); {
		if used+g.Width() > width-1 {
			break
		}
		used += g.Width()
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// begin prints the header and the rows held back.
func (t *tableWriter) begin() error {
	t.begun = true
	names, rules := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
		rules[i] = strings.Repeat("─", t.widths[i])
	}
	if err := t.print(names); err != nil {
		return err
	}
	if err := t.print(rules); err != nil {
		return err
	}
	for _, line := range t.head {
		if err := t.print(line); err != nil {
			return err
		}
	}
	t.head = nil
	return nil
}

func (t *tableWriter) print(line []string) error {
	var b strings.Builder
	for i, v := range line {
		if i > 0 {
			b.WriteString("  ")
		}
		v = t.cut(v, t.widths[i])
		pad := strings.Repeat(" ", max(0, t.widths[i]-uniseg.StringWidth(v)))
		if t.right[i] {
			v, pad = pad+v, ""
		}
		b.WriteString(v)
		b.WriteString(pad)
	}
	_, err := t.w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	return err
}

func (t *tableWriter) finish() error {
	if t.begun {
		return nil
	}
	return t.begin()
}
