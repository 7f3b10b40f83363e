package rowio

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// encoder writes batches of one schema. abort frees what finish would.
type encoder interface {
	write(b arrow.RecordBatch) error
	finish() error
}

// Writer writes rows batch by batch. It is not safe for concurrent use.
type Writer struct {
	enc    encoder
	buf    *bufio.Writer
	schema *arrow.Schema
	rows   int64
	closed bool
}

// NewWriter begins writing rows of this schema to w, which Close does not
// close. No row at all still writes the header that the format has.
func NewWriter(w io.Writer, f Format, schema *arrow.Schema, opts ...Option) (*Writer, error) {
	if schema == nil {
		return nil, invalidf("rows without a schema cannot be written")
	}
	o := newOptions(opts)
	if f == TSV {
		o.comma = '\t'
	}
	out := &Writer{buf: bufio.NewWriterSize(w, 1<<16), schema: nullable(schema)}
	var err error
	switch f {
	case CSV, TSV:
		out.enc, err = newCSVWriter(out.buf, out.schema, o)
	case JSON:
		out.enc, err = newJSONWriter(out.buf, out.schema), nil
	case Parquet:
		out.enc, err = newParquetWriter(out.buf, out.schema, o)
	case Arrow, ArrowStream:
		out.enc, err = newArrowWriter(out.buf, f, out.schema, o)
	case Table:
		out.enc = newTableWriter(out.buf, out.schema, o)
	default:
		err = invalidf("format %q cannot be written", string(f))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// nullable is the plain schema with every column nullable: whether nulls occur
// is the batches' business.
func nullable(s *arrow.Schema) *arrow.Schema {
	fields := plainSchema(s).Fields()
	for i := range fields {
		fields[i].Nullable = true
	}
	return arrow.NewSchema(fields, nil)
}

// Write appends a batch, which it does not keep.
func (w *Writer) Write(b arrow.RecordBatch) (err error) {
	defer guard("output", &err)
	if w.closed {
		return invalidf("written to after it was closed")
	}
	if !core.SameColumns(plainSchema(b.Schema()), w.schema) {
		return invalidf("row %d: the batch has other columns than were promised", w.rows+1)
	}
	plain := plainBatch(b, w.schema)
	defer plain.Release()
	if err := w.enc.write(plain); err != nil {
		return err
	}
	w.rows += b.NumRows()
	return nil
}

// Rows is how many rows were written.
func (w *Writer) Rows() int64 { return w.rows }

// Flush passes on what is buffered here; formats with an index at the end hold
// more back until Close.
func (w *Writer) Flush() error { return w.buf.Flush() }

// Close ends what was written. It is idempotent.
func (w *Writer) Close() (err error) {
	if w.closed {
		return nil
	}
	w.closed = true
	defer guard("output", &err)
	return errors.Join(w.enc.finish(), w.buf.Flush())
}

// Write writes all rows to w and counts them.
func Write(w io.Writer, f Format, rows core.Rows, opts ...Option) (int64, error) {
	out, err := NewWriter(w, f, rows.Schema, opts...)
	if err != nil {
		return 0, err
	}
	for b, err := range rows.All() {
		if err == nil {
			err = out.Write(b)
		}
		if err != nil {
			_ = out.Close()
			return out.Rows(), err
		}
	}
	return out.Rows(), out.Close()
}

// WriteFile writes all rows to a file whose format its name's ending tells. The
// file appears when it is complete; on error what was there stays.
func WriteFile(path string, rows core.Rows, opts ...Option) (int64, error) {
	f, err := FormatOf(path)
	if err != nil {
		return 0, err
	}
	return WriteFileAs(path, f, rows, opts...)
}

// WriteFileAs is WriteFile for a name that does not tell the format.
func WriteFileAs(path string, f Format, rows core.Rows, opts ...Option) (n int64, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, onFile(path, err, "")
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
			err = onFile(path, err, tmp.Name())
		}
	}()
	if n, err = Write(tmp, f, rows, opts...); err != nil {
		return n, err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return n, err
	}
	if err := tmp.Close(); err != nil {
		return n, err
	}
	return n, os.Rename(tmp.Name(), path)
}

// onFile names the file that was asked for where an error of the file system
// names the temporary one; "" stands for one whose name is not known.
func onFile(path string, err error, tmp string) error {
	var one *os.PathError
	if errors.As(err, &one) && (tmp == "" || one.Path == tmp) {
		return &os.PathError{Op: one.Op, Path: path, Err: one.Err}
	}
	var two *os.LinkError
	if errors.As(err, &two) && two.Old == tmp {
		return &os.PathError{Op: "write", Path: path, Err: two.Err}
	}
	return err
}
