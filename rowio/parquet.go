package rowio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/metaxy-go/metaxy/core"
)

// parquetRows reads a Parquet file, whose index is at its end.
func parquetRows(in input, o options) (core.Rows, error) {
	first, err := openParquet(in, o)
	if err != nil {
		return core.Rows{}, err
	}
	schema := first.schema
	first.close()
	return rowsOf(schema, in.name, func() (source, error) {
		src, err := openParquet(in, o)
		if err != nil {
			return nil, err
		}
		if !core.SameColumns(src.schema, schema) {
			src.close()
			return nil, invalidf("%s: the columns changed since the file was opened", in.name)
		}
		return src, nil
	}), nil
}

type parquetSource struct {
	name   string
	closer io.Closer
	pf     *file.Reader
	fr     *pqarrow.FileReader
	rr     pqarrow.RecordReader
	schema *arrow.Schema
}

func openParquet(in input, o options) (*parquetSource, error) {
	f, err := in.open()
	if err != nil {
		return nil, err
	}
	src, err := newParquetSource(in.name, f, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return src, nil
}

func newParquetSource(name string, f io.ReadCloser, o options) (src *parquetSource, err error) {
	defer guard(name, &err)
	at, ok := f.(parquet.ReaderAtSeeker)
	if !ok {
		return nil, fmt.Errorf("%s: a Parquet file must be seekable", name)
	}
	size, err := at.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkMagic(name, at, size); err != nil {
		return nil, err
	}
	pf, err := file.NewParquetReader(at, file.WithReadProps(parquet.NewReaderProperties(o.mem)))
	if err != nil {
		return nil, invalidf("%s: damaged Parquet file: its index cannot be read", name)
	}
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: int64(o.batch)}, o.mem)
	if err != nil {
		return nil, invalidf("%s: %w", name, err)
	}
	schema, err := fr.Schema()
	if err != nil {
		return nil, invalidf("%s: %w", name, err)
	}
	return &parquetSource{name: name, closer: f, pf: pf, fr: fr, schema: plainSchema(schema)}, nil
}

// checkMagic tells a truncated file from one that never was Parquet.
func checkMagic(name string, at io.ReaderAt, size int64) error {
	const magic = "PAR1"
	var head, tail [len(magic)]byte
	if size < int64(len(magic)) {
		return invalidf("%s: not a Parquet file: it has %d bytes", name, size)
	}
	if _, err := at.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if string(head[:]) == "PARE" {
		return invalidf("%s: an encrypted Parquet file cannot be read", name)
	}
	if string(head[:]) != magic {
		return invalidf("%s: not a Parquet file", name)
	}
	if _, err := at.ReadAt(tail[:], size-int64(len(magic))); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if string(tail[:]) != magic || size < 12 {
		return invalidf("%s: a truncated Parquet file: its end is missing", name)
	}
	return nil
}

func (s *parquetSource) close() {
	if s.rr != nil {
		s.rr.Release()
	}
	_ = s.pf.Close()
	_ = s.closer.Close()
}

func (s *parquetSource) next() (arrow.RecordBatch, error) {
	if s.rr == nil {
		rr, err := s.fr.GetRecordReader(context.Background(), nil, nil)
		if err != nil {
			return nil, invalidf("%s: %w", s.name, err)
		}
		s.rr = rr
	}
	b, err := s.rr.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, invalidf("%s: damaged Parquet file: a page cannot be read", s.name)
	}
	return plainBatch(b, s.schema), nil
}

// plainSchema drops what only describes the file: the metadata of the schema
// and of fields, such as Parquet's field ids.
func plainSchema(s *arrow.Schema) *arrow.Schema {
	fields := make([]arrow.Field, s.NumFields())
	for i, f := range s.Fields() {
		fields[i] = plainField(f)
	}
	return arrow.NewSchema(fields, nil)
}

func plainField(f arrow.Field) arrow.Field {
	return arrow.Field{Name: f.Name, Type: plainType(f.Type), Nullable: f.Nullable}
}

func plainType(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.StructType:
		fields := make([]arrow.Field, t.NumFields())
		for i, f := range t.Fields() {
			fields[i] = plainField(f)
		}
		return arrow.StructOf(fields...)
	case *arrow.ListType:
		return arrow.ListOfField(plainField(t.ElemField()))
	case *arrow.LargeListType:
		return arrow.LargeListOfField(plainField(t.ElemField()))
	case *arrow.FixedSizeListType:
		return arrow.FixedSizeListOfField(t.Len(), plainField(t.ElemField()))
	}
	return t
}

// plainBatch gives b's data under a schema of the same types. It takes no
// reference of b away: the result has its own.
func plainBatch(b arrow.RecordBatch, schema *arrow.Schema) arrow.RecordBatch {
	cols := make([]arrow.Array, b.NumCols())
	for i := range cols {
		d := plainData(b.Column(i).Data(), schema.Field(i).Type)
		cols[i] = array.MakeFromData(d)
		d.Release()
	}
	out := array.NewRecordBatch(schema, cols, b.NumRows())
	for _, c := range cols {
		c.Release()
	}
	return out
}

// plainData gives d another type of the same layout.
func plainData(d arrow.ArrayData, t arrow.DataType) arrow.ArrayData {
	var kids []arrow.DataType
	switch t := t.(type) {
	case *arrow.StructType:
		for _, f := range t.Fields() {
			kids = append(kids, f.Type)
		}
	case *arrow.ListType:
		kids = []arrow.DataType{t.Elem()}
	case *arrow.LargeListType:
		kids = []arrow.DataType{t.Elem()}
	case *arrow.FixedSizeListType:
		kids = []arrow.DataType{t.Elem()}
	default:
		d.Retain()
		return d
	}
	children := make([]arrow.ArrayData, len(kids))
	for i, k := range kids {
		children[i] = plainData(d.Children()[i], k)
	}
	out := array.NewData(t, d.Len(), d.Buffers(), children, d.NullN(), d.Offset())
	for _, c := range children {
		c.Release()
	}
	return out
}

// groupRows is how many rows the writer holds back, encoded, to write them as
// one row group.
const groupRows = 512 << 10

// parquetWriter writes zstd-compressed row groups and keeps the Arrow schema,
// so that reading gives the same types.
type parquetWriter struct{ w *pqarrow.FileWriter }

func newParquetWriter(w io.Writer, schema *arrow.Schema, o options) (*parquetWriter, error) {
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithAllocator(o.mem), parquet.WithCreatedBy("metaxy"), parquet.WithMaxRowGroupLength(groupRows))
	fw, err := pqarrow.NewFileWriter(schema, noClose{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithAllocator(o.mem)))
	if err != nil {
		return nil, invalidf("as Parquet: %w", err)
	}
	return &parquetWriter{fw}, nil
}

// noClose keeps the Parquet writer from closing what it was given.
type noClose struct{ io.Writer }

func (w *parquetWriter) write(b arrow.RecordBatch) error { return w.w.WriteBuffered(b) }
func (w *parquetWriter) finish() error                   { return w.w.Close() }
