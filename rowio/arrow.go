package rowio

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/core"
)

const arrowMagic = "ARROW1"

// arrowRows reads an IPC file or stream, whichever it is. A file that comes as
// a stream is read as the stream that it contains.
func arrowRows(in input, o options) (core.Rows, error) {
	first, err := openArrow(in, o)
	if err != nil {
		return core.Rows{}, err
	}
	schema := first.schema()
	if in.stream != nil {
		return rowsOf(schema, in.name, func() (source, error) { return first, nil }), nil
	}
	first.close()
	return rowsOf(schema, in.name, func() (source, error) {
		src, err := openArrow(in, o)
		if err != nil {
			return nil, err
		}
		if !core.SameColumns(src.schema(), schema) {
			src.close()
			return nil, invalidf("%s: the columns changed since the file was opened", in.name)
		}
		return src, nil
	}), nil
}

// arrowSource reads one of the two; a file's batches are numbered.
type arrowSource struct {
	name   string
	file   *ipc.FileReader
	stream *ipc.Reader
	at     int
	closer io.Closer
}

func openArrow(in input, o options) (*arrowSource, error) {
	if in.stream != nil {
		return newArrowStream(in.name, in.stream, o)
	}
	f, err := in.open()
	if err != nil {
		return nil, err
	}
	src, err := newArrowSource(in.name, f, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	src.closer = f
	return src, nil
}

func newArrowSource(name string, f io.ReadCloser, o options) (src *arrowSource, err error) {
	defer guard(name, &err)
	at, seekable := f.(ipc.ReadAtSeeker)
	var head [len(arrowMagic)]byte
	if seekable {
		if _, err := at.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if string(head[:]) != arrowMagic {
		return newArrowStream(name, bufio.NewReaderSize(f, 1<<16), o)
	}
	r, err := ipc.NewFileReader(at, ipc.WithAllocator(o.mem))
	if err != nil {
		return nil, invalidf("%s: a truncated or damaged Arrow file: its index cannot be read", name)
	}
	return &arrowSource{name: name, file: r}, nil
}

func newArrowStream(name string, r *bufio.Reader, o options) (src *arrowSource, err error) {
	defer guard(name, &err)
	if head, err := r.Peek(8); err == nil && string(head[:len(arrowMagic)]) == arrowMagic {
		_, _ = r.Discard(8) // the magic and its padding, then comes a stream
	}
	s, err := ipc.NewReader(r, ipc.WithAllocator(o.mem))
	if err != nil {
		return nil, invalidf("%s: not an Arrow file or stream", name)
	}
	return &arrowSource{name: name, stream: s}, nil
}

func (s *arrowSource) schema() *arrow.Schema {
	if s.file != nil {
		return plainSchema(s.file.Schema())
	}
	return plainSchema(s.stream.Schema())
}

func (s *arrowSource) close() {
	if s.file != nil {
		_ = s.file.Close()
	} else {
		s.stream.Release()
	}
	if s.closer != nil {
		_ = s.closer.Close()
	}
}

func (s *arrowSource) next() (arrow.RecordBatch, error) {
	b, err := s.read()
	if err != nil {
		return nil, err
	}
	return plainBatch(b, plainSchema(b.Schema())), nil
}

// read gives a batch that the reader keeps.
func (s *arrowSource) read() (arrow.RecordBatch, error) {
	if s.file != nil {
		if s.at == s.file.NumRecords() {
			return nil, io.EOF
		}
		b, err := s.file.RecordBatch(s.at)
		if err != nil {
			return nil, invalidf("%s: a truncated or damaged Arrow file: batch %d cannot be read", s.name, s.at+1)
		}
		s.at++
		return b, nil
	}
	if s.stream.Next() {
		s.at++
		return s.stream.RecordBatch(), nil
	}
	if err := s.stream.Err(); err != nil {
		return nil, invalidf("%s: a truncated or damaged Arrow stream: batch %d cannot be read", s.name, s.at+1)
	}
	return nil, io.EOF
}

// arrowWriter writes an IPC file or stream.
type arrowWriter struct {
	w interface {
		Write(rec arrow.RecordBatch) error
		Close() error
	}
}

func newArrowWriter(w io.Writer, f Format, schema *arrow.Schema, o options) (*arrowWriter, error) {
	if f == ArrowStream {
		return &arrowWriter{ipc.NewWriter(w, ipc.WithSchema(schema), ipc.WithAllocator(o.mem))}, nil
	}
	fw, err := ipc.NewFileWriter(w, ipc.WithSchema(schema), ipc.WithAllocator(o.mem))
	if err != nil {
		return nil, invalidf("as Arrow: %w", err)
	}
	return &arrowWriter{fw}, nil
}

func (w *arrowWriter) write(b arrow.RecordBatch) error { return w.w.Write(b) }
func (w *arrowWriter) finish() error                   { return w.w.Close() }
