package rowio

import (
	"bufio"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// csvWriter writes null as nothing and the empty string as "", which readers
// that know the difference keep apart.
type csvWriter struct {
	w       *bufio.Writer
	columns []flat
	comma   string
	line    []byte
}

func newCSVWriter(w *bufio.Writer, schema *arrow.Schema, o options) (*csvWriter, error) {
	c := &csvWriter{w: w, columns: flatten(schema), comma: string(o.comma)}
	for i, col := range c.columns {
		if i > 0 {
			c.line = append(c.line, c.comma...)
		}
		c.field(col.name)
	}
	return c, c.end()
}

func (c *csvWriter) end() error {
	c.line = append(c.line, '\n')
	_, err := c.w.Write(c.line)
	c.line = c.line[:0]
	return err
}

func (c *csvWriter) field(v string) {
	if v != "" && !strings.ContainsAny(v, "\"\r\n"+c.comma) && v[0] != ' ' && v[0] != '\t' {
		c.line = append(c.line, v...)
		return
	}
	c.line = append(c.line, '"')
	c.line = append(c.line, strings.ReplaceAll(v, `"`, `""`)...)
	c.line = append(c.line, '"')
}

func (c *csvWriter) write(b arrow.RecordBatch) error {
	values, around := make([]arrow.Array, len(c.columns)), make([]arrow.Array, len(c.columns))
	for i, col := range c.columns {
		values[i], around[i] = col.of(b)
	}
	for row := range int(b.NumRows()) {
		for i, v := range values {
			if i > 0 {
				c.line = append(c.line, c.comma...)
			}
			null := isNull(v, row) || around[i] != nil && around[i].IsNull(row)
			switch {
			case !null:
				c.field(cell(v, row))
			case len(values) == 1:
				c.field("") // an empty line would be no row
			}
		}
		if err := c.end(); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) finish() error { return nil }
