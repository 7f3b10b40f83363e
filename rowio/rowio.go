// Package rowio moves rows between core.Rows and files or streams: CSV, JSON
// lines, Parquet and Arrow IPC, in batches, so that memory does not grow with
// the number of rows.
//
//	rows, err := rowio.Open("samples.csv")
//	n, err := rowio.WriteFile("out.parquet", rows)
//
// The column "data_version", a struct with one field a container, is written to
// CSV as columns "data_version.frames" and read back from them; JSON, Parquet
// and Arrow hold the struct itself.
//
// Errors name the file and the line or row, never a value, and match
// core.ErrInvalid when the content is at fault.
package rowio

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// BatchRows is how many rows a batch has unless WithBatchRows says otherwise.
const BatchRows = 64 << 10

// sampleRows is how many rows of a stream, which cannot be read twice, decide
// its columns' types.
const sampleRows = 64 << 10

// Option configures a reader or a writer. Those that do not concern a format
// are ignored by it.
type Option func(*options)

type options struct {
	types map[string]arrow.DataType
	batch int
	comma rune
	mem   memory.Allocator
	width int
	null  string
}

func newOptions(opts []Option) options {
	o := options{batch: BatchRows, comma: ',', mem: memory.DefaultAllocator, width: 40, null: "null"}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// WithTypes fixes the types of columns that CSV and JSON would otherwise infer.
// Columns that the file lacks are ignored. "data_version" is never inferred.
func WithTypes(types map[string]arrow.DataType) Option {
	return func(o *options) { o.types = types }
}

// WithBatchRows sets the most rows that a batch has; at least 1.
func WithBatchRows(n int) Option { return func(o *options) { o.batch = max(1, n) } }

// WithComma sets the separator of CSV, such as a tab.
func WithComma(r rune) Option { return func(o *options) { o.comma = r } }

// WithAllocator sets where Arrow memory comes from.
func WithAllocator(mem memory.Allocator) Option { return func(o *options) { o.mem = mem } }

// WithCellWidth cuts the cells of a Table to n columns of the terminal; 0 cuts
// nothing. Unless set it is 40.
func WithCellWidth(n int) Option { return func(o *options) { o.width = n } }

// WithNull sets how a Table shows null; unless set it is "null".
func WithNull(text string) Option { return func(o *options) { o.null = text } }

// Open reads a file whose format its name's ending tells. The rows are
// replayable, each range opens the file anew; a file that is not there is
// reported at once and matches os.ErrNotExist.
func Open(path string, opts ...Option) (core.Rows, error) {
	f, err := FormatOf(path)
	if err != nil {
		return core.Rows{}, err
	}
	return OpenAs(path, f, opts...)
}

// OpenAs is Open for a file whose name does not tell its format.
func OpenAs(path string, f Format, opts ...Option) (core.Rows, error) {
	o := newOptions(opts)
	if f == TSV {
		o.comma = '\t'
	}
	in := input{name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
	rows, err := in.rows(f, o)
	rows.Replayable = err == nil
	return rows, err
}

// Read reads a stream; name stands for it in messages. The rows can be ranged
// over once. Parquet, whose index is at the end, is first read whole into
// memory.
func Read(r io.Reader, name string, f Format, opts ...Option) (core.Rows, error) {
	o := newOptions(opts)
	if f == TSV {
		o.comma = '\t'
	}
	if f == Parquet {
		all, err := io.ReadAll(r)
		if err != nil {
			return core.Rows{}, fmt.Errorf("%s: %w", name, err)
		}
		in := input{name: name, open: func() (io.ReadCloser, error) { return nopCloser{bytes.NewReader(all)}, nil }}
		return once(in.rows(f, o))
	}
	in := input{name: name, stream: bufio.NewReaderSize(r, 1<<16)}
	return once(in.rows(f, o))
}

func once(rows core.Rows, err error) (core.Rows, error) {
	if err != nil {
		return core.Rows{}, err
	}
	rows.Batches = core.Once(rows.Batches)
	return rows, nil
}

// nopCloser keeps the other methods of a bytes.Reader.
type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// input is a file that can be opened again, or a stream that cannot.
type input struct {
	name   string
	open   func() (io.ReadCloser, error)
	stream *bufio.Reader
}

func (in input) rows(f Format, o options) (rows core.Rows, err error) {
	defer guard(in.name, &err)
	switch f {
	case CSV, TSV:
		return csvRows(in, o)
	case JSON:
		return jsonRows(in, o)
	case Parquet:
		return parquetRows(in, o)
	case Arrow, ArrowStream:
		return arrowRows(in, o)
	case Table: // for people
	}
	return core.Rows{}, invalidf("format %s cannot be read", f)
}

// invalidf makes an error that matches core.ErrInvalid.
func invalidf(format string, args ...any) error {
	return &invalid{fmt.Errorf(format, args...)}
}

// invalid keeps the sentinel out of the text, which begins with the file.
type invalid struct{ err error }

func (e *invalid) Error() string   { return e.err.Error() }
func (e *invalid) Unwrap() []error { return []error{core.ErrInvalid, e.err} }

// guard turns a panic of a decoder on a malformed file into an error.
func guard(name string, err *error) {
	if p := recover(); p != nil {
		*err = invalidf("%s: malformed: the decoder gave up", name)
	}
}
