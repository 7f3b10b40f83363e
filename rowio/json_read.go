package rowio

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// jsonRows reads one object a line, or one array of objects. Types that are
// not given come from every row of a file, or from the first rows of a stream.
// A key that is missing is null.
func jsonRows(in input, o options) (core.Rows, error) {
	first, err := openJSON(in)
	if err != nil {
		return core.Rows{}, err
	}
	var top shape
	var sample []jsonRow
	for in.stream == nil || len(sample) < sampleRows {
		row, err := first.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = top.addRow(row.text)
		}
		if err != nil {
			first.close()
			return core.Rows{}, jsonError(in.name, row, err)
		}
		if in.stream != nil {
			row.text = bytes.Clone(row.text)
			sample = append(sample, row)
		}
	}
	schema, err := top.schema(o.types)
	if err != nil {
		first.close()
		return core.Rows{}, invalidf("%s: %w", in.name, err)
	}
	if in.stream != nil {
		return rowsOf(schema, in.name, func() (source, error) { return newJSONSource(first, sample, schema, o), nil }), nil
	}
	first.close()
	return rowsOf(schema, in.name, func() (source, error) {
		again, err := openJSON(in)
		if err != nil {
			return nil, err
		}
		return newJSONSource(again, nil, schema, o), nil
	}), nil
}

// jsonRow is the text of an object and where it stands.
type jsonRow struct {
	text []byte
	line int // 0 within an array
	row  int64
}

func (r jsonRow) place(name string) string {
	if r.line > 0 {
		return fmt.Sprintf("%s:%d", name, r.line)
	}
	return fmt.Sprintf("%s: row %d", name, r.row)
}

func jsonError(name string, row jsonRow, err error) error {
	if row.row == 0 {
		return err // of the file, which it names
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalidf("%s: not JSON: %s", row.place(name), syntaxText(err))
	}
	return invalidf("%s: %w", row.place(name), err)
}

// syntaxText is the decoder's message without the character that it met.
func syntaxText(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || err.Error() == "unexpected end of JSON input" {
		return "it ends in the middle of a value"
	}
	return "syntax error"
}

// jsonFile gives objects one by one.
type jsonFile struct {
	name  string
	r     *bufio.Reader
	array *json.Decoder // of a file that is one array
	line  int
	row   int64
	close func()
}

func openJSON(in input) (*jsonFile, error) {
	f := &jsonFile{name: in.name, r: in.stream, close: func() {}}
	if f.r == nil {
		file, err := in.open()
		if err != nil {
			return nil, err
		}
		f.close = func() { _ = file.Close() }
		f.r = bufio.NewReaderSize(file, 1<<16)
	}
	if mark, err := f.r.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = f.r.Discard(3)
	}
	f.line = 1
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return f, nil //nolint:nilerr // nothing but blanks: read meets the same end
		}
		switch c {
		case '\n':
			f.line++
		case ' ', '\t', '\r':
		default:
			_ = f.r.UnreadByte()
			if c == '[' {
				f.array = json.NewDecoder(f.r)
				_, _ = f.array.Token()
			}
			return f, nil
		}
	}
}

// read gives the next object; its text is valid until the following read.
func (f *jsonFile) read() (jsonRow, error) {
	if f.array != nil {
		if !f.array.More() {
			if _, err := f.array.Token(); err != nil {
				return jsonRow{row: f.row + 1}, io.ErrUnexpectedEOF
			}
			if _, err := f.array.Token(); !errors.Is(err, io.EOF) {
				return jsonRow{}, invalidf("%s: something follows the array", f.name)
			}
			return jsonRow{}, io.EOF
		}
		f.row++
		var text json.RawMessage
		err := f.array.Decode(&text)
		return jsonRow{text: text, row: f.row}, unexpected(err)
	}
	for {
		text, err := f.r.ReadBytes('\n')
		line := f.line
		f.line++
		text = bytes.TrimSpace(text)
		switch {
		case len(text) > 0:
			f.row++
			return jsonRow{text: text, line: line, row: f.row}, nil
		case errors.Is(err, io.EOF):
			return jsonRow{}, io.EOF
		case err != nil:
			return jsonRow{}, fmt.Errorf("%s: %w", f.name, err)
		}
	}
}

// jsonSource builds batches of objects.
type jsonSource struct {
	file    *jsonFile
	sample  []jsonRow
	sampled int
	batch   int
	schema  *arrow.Schema
	b       *array.RecordBuilder
	opts    options
}

func newJSONSource(f *jsonFile, sample []jsonRow, schema *arrow.Schema, o options) *jsonSource {
	return &jsonSource{file: f, sample: sample, batch: o.batch, schema: schema, b: array.NewRecordBuilder(o.mem, schema), opts: o}
}

func (s *jsonSource) close() {
	s.b.Release()
	s.file.close()
}

func (s *jsonSource) read() (jsonRow, error) {
	if s.sampled < len(s.sample) {
		s.sampled++
		return s.sample[s.sampled-1], nil
	}
	s.sample = nil
	return s.file.read()
}

func (s *jsonSource) next() (arrow.RecordBatch, error) {
	n := 0
	for ; n < s.batch; n++ {
		row, err := s.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, jsonError(s.file.name, row, err)
		}
		if err := s.add(row.text); err != nil {
			return nil, jsonError(s.file.name, row, s.explain(row.text))
		}
	}
	if n == 0 {
		return nil, io.EOF
	}
	return s.b.NewRecordBatch(), nil
}

func (s *jsonSource) add(text []byte) error {
	// The builder reads tokens and does not see what follows an object.
	if !json.Valid(text) {
		return errNotObject
	}
	return s.b.UnmarshalJSON(text)
}

var errMoreOnLine = errors.New("more than one value on the line")

// explain finds the column that an object was refused for, without its value.
func (s *jsonSource) explain(text []byte) error {
	var obj map[string]json.RawMessage
	if err := json.Unmarshal(text, &obj); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return err
		}
		return errNotObject
	}
	for _, f := range s.schema.Fields() {
		v, ok := obj[f.Name]
		if !ok {
			continue
		}
		b := array.NewBuilder(s.opts.mem, f.Type)
		err := b.UnmarshalJSON(slices.Concat([]byte("["), v, []byte("]")))
		b.Release()
		if err != nil {
			return fmt.Errorf("column %q is not a valid %s", f.Name, f.Type)
		}
	}
	return errors.New("the object does not match the columns")
}
