package rowio

import (
	"bufio"

	"github.com/apache/arrow-go/v18/arrow"
)

// jsonWriter writes one object a line, keys in the order of the columns.
type jsonWriter struct {
	w    *bufio.Writer
	keys [][]byte // with what stands before and after
}

func newJSONWriter(w *bufio.Writer, schema *arrow.Schema) *jsonWriter {
	j := &jsonWriter{w: w}
	for i, f := range schema.Fields() {
		lead := byte(',')
		if i == 0 {
			lead = '{'
		}
		j.keys = append(j.keys, append(append([]byte{lead}, marshal(f.Name)...), ':'))
	}
	return j
}

func (j *jsonWriter) write(b arrow.RecordBatch) error {
	for row := range int(b.NumRows()) {
		for i, key := range j.keys {
			_, _ = j.w.Write(key) // the buffer keeps its first error
			_, _ = j.w.Write(jsonText(b.Column(i), row))
		}
		if len(j.keys) == 0 {
			_ = j.w.WriteByte('{')
		}
		if _, err := j.w.WriteString("}\n"); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonWriter) finish() error { return nil }
