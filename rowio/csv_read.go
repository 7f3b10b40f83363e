package rowio

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// foldPrefix begins the names of CSV columns that are fields of "data_version".
const foldPrefix = core.ColDataVersion + "."

// csvRows reads CSV with a header line. An empty field is null. Types that are
// not given come from every row of a file, or from the first rows of a stream.
func csvRows(in input, o options) (core.Rows, error) {
	first, err := openCSV(in, o)
	if err != nil {
		return core.Rows{}, err
	}
	guess := newGuesses(first.header, o.types)
	var sample [][]string
	for !guess.settled() && (in.stream == nil || len(sample) < sampleRows) {
		rec, _, err := first.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			first.close()
			return core.Rows{}, err
		}
		guess.add(rec)
		if in.stream != nil {
			sample = append(sample, slices.Clone(rec))
		}
	}
	schema, columns := csvSchema(first.header, guess.types())
	if in.stream != nil {
		return rowsOf(schema, in.name, func() (source, error) {
			return newCSVSource(first, sample, schema, columns, o), nil
		}), nil
	}
	first.close()
	header := first.header
	return rowsOf(schema, in.name, func() (source, error) {
		again, err := openCSV(in, o)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(again.header, header) {
			again.close()
			return nil, invalidf("%s: the header changed since the file was opened", in.name)
		}
		return newCSVSource(again, nil, schema, columns, o), nil
	}), nil
}

// csvFile reads records and knows their lines.
type csvFile struct {
	name   string
	r      *csv.Reader
	header []string
	close  func()
}

func openCSV(in input, o options) (*csvFile, error) {
	f := &csvFile{name: in.name, close: func() {}}
	r := in.stream
	if r == nil {
		file, err := in.open()
		if err != nil {
			return nil, err
		}
		f.close = func() { _ = file.Close() }
		r = bufio.NewReaderSize(file, 1<<16)
	}
	if mark, err := r.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = r.Discard(3)
	}
	f.r = csv.NewReader(r)
	f.r.Comma, f.r.ReuseRecord = o.comma, true
	if err := f.readHeader(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *csvFile) readHeader() error {
	rec, line, err := f.read()
	if errors.Is(err, io.EOF) {
		return invalidf("%s: is empty, want a header line with the columns' names", f.name)
	}
	if err != nil {
		return err
	}
	f.header = slices.Clone(rec)
	for i, name := range f.header {
		if name == "" {
			return invalidf("%s:%d: column %d has no name in the header", f.name, line, i+1)
		}
		if slices.Contains(f.header[:i], name) {
			return invalidf("%s:%d: two columns are named %q", f.name, line, name)
		}
	}
	if slices.Contains(f.header, core.ColDataVersion) {
		return invalidf("%s:%d: column %q is a struct: name its containers, such as %q", f.name, line, core.ColDataVersion, foldPrefix+core.DefaultContainer)
	}
	return nil
}

// read gives a record, valid until the next one, and the line it begins on.
func (f *csvFile) read() ([]string, int, error) {
	rec, err := f.r.Read()
	if err == nil {
		line, _ := f.r.FieldPos(0)
		for i, v := range rec {
			if !utf8.ValidString(v) {
				return nil, 0, invalidf("%s:%d: field %d is not UTF-8", f.name, line, i+1)
			}
		}
		return rec, line, nil
	}
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, err
	case errors.Is(err, csv.ErrFieldCount):
		line, _ := f.r.FieldPos(0)
		return nil, 0, invalidf("%s:%d: the line has %s, the header has %d", f.name, line, count(len(rec), "field"), len(f.header))
	case errors.As(err, &bad):
		return nil, 0, invalidf("%s:%d:%d: %w", f.name, bad.Line, bad.Column, bad.Err)
	}
	return nil, 0, fmt.Errorf("%s: %w", f.name, err)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// csvSchema folds the columns of "data_version" into one, which stands where
// the first of them stood. columns tells for each CSV column its builder: the
// column's index, and the field within a struct or -1.
func csvSchema(header []string, types []arrow.DataType) (schema *arrow.Schema, columns [][2]int) {
	var fields, containers []arrow.Field
	fold := -1
	for i, name := range header {
		container, ok := strings.CutPrefix(name, foldPrefix)
		if !ok || container == "" {
			columns = append(columns, [2]int{len(fields), -1})
			fields = append(fields, arrow.Field{Name: name, Type: types[i], Nullable: true})
			continue
		}
		if fold < 0 {
			fold = len(fields)
			fields = append(fields, arrow.Field{Name: core.ColDataVersion})
		}
		columns = append(columns, [2]int{fold, len(containers)})
		containers = append(containers, arrow.Field{Name: container, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	if fold >= 0 {
		fields[fold].Type = arrow.StructOf(containers...)
	}
	return arrow.NewSchema(fields, nil), columns
}

// csvSource builds batches of records.
type csvSource struct {
	file    *csvFile
	sample  [][]string // read before, to infer types
	sampled int
	batch   int
	schema  *arrow.Schema
	b       *array.RecordBuilder
	cells   []func(string) error
	structs []*array.StructBuilder
	rows    int64
}

func newCSVSource(f *csvFile, sample [][]string, schema *arrow.Schema, columns [][2]int, o options) *csvSource {
	s := &csvSource{file: f, sample: sample, batch: o.batch, schema: schema, b: array.NewRecordBuilder(o.mem, schema)}
	for _, at := range columns {
		field := s.b.Field(at[0])
		if at[1] >= 0 {
			sb := field.(*array.StructBuilder)
			if at[1] == 0 {
				s.structs = append(s.structs, sb)
			}
			field = sb.FieldBuilder(at[1])
		}
		s.cells = append(s.cells, cellParser(field))
	}
	return s
}

func (s *csvSource) close() {
	s.b.Release()
	s.file.close()
}

func (s *csvSource) record() ([]string, int, error) {
	if s.sampled < len(s.sample) {
		s.sampled++
		return s.sample[s.sampled-1], 0, nil
	}
	s.sample = nil
	return s.file.read()
}

func (s *csvSource) next() (arrow.RecordBatch, error) {
	n := 0
	for ; n < s.batch; n++ {
		rec, line, err := s.record()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, sb := range s.structs {
			sb.Append(true)
		}
		for i, v := range rec {
			if err := s.cells[i](v); err != nil {
				return nil, s.mismatch(line, i)
			}
		}
		s.rows++
	}
	if n == 0 {
		return nil, io.EOF
	}
	return s.b.NewRecordBatch(), nil
}

// mismatch says where a value does not have its column's type.
func (s *csvSource) mismatch(line, column int) error {
	name := s.file.header[column]
	want := "string"
	if f, ok := s.schema.FieldsByName(name); ok {
		want = f[0].Type.String()
	}
	if line == 0 {
		return invalidf("%s: row %d: column %q is not a valid %s", s.file.name, s.rows+1, name, want)
	}
	return invalidf("%s:%d: column %q is not a valid %s", s.file.name, line, name, want)
}
