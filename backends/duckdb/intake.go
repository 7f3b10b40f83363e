//go:build cgo && duckdb_arrow

package duckdb

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// piece is a batch of the caller's, checked and converted, its columns still in the order of the rows.
type piece struct {
	columns []arrow.Array
	rows    int64
	bytes   int64
}

func (p *piece) release() { releaseAll(p.columns) }

// intake checks and converts the batches of one write as they come.
type intake struct {
	req     core.WriteRequest
	in      inbound
	checker *core.RowChecker
	print   *fingerprint // nil without a write id
	order   []int        // columns by name, for print
	hashes  []uint64     // of the ids, to find duplicates

	rows, bytes int64
	escapes     bool
	buf         []byte
}

func newIntake(req core.WriteRequest) *intake {
	in := &intake{req: req, checker: core.NewRowChecker(req, false), in: inbound{memory.DefaultAllocator}}
	if req.ID != "" {
		in.print = &fingerprint{}
		fields := req.Rows.Schema.Fields()
		for i := range fields {
			in.order = append(in.order, i)
		}
		slices.SortFunc(in.order, func(a, b int) int { return bytes.Compare([]byte(fields[a].Name), []byte(fields[b].Name)) })
	}
	return in
}

// take converts a batch. The piece does not depend on the batch any more than Arrow's reference counts tell.
func (in *intake) take(batch arrow.RecordBatch) (*piece, error) {
	if err := in.checker.Add(batch); err != nil {
		return nil, err
	}
	ids, err := ident.Bind(batch, in.req.Plan.Feature.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
	}
	in.hashes = slices.Grow(in.hashes, int(batch.NumRows()))
	for row := range ids.Rows() {
		in.buf = ids.AppendText(in.buf[:0], row)
		in.hashes = append(in.hashes, xxh3.Hash(in.buf))
	}
	p := &piece{rows: batch.NumRows()}
	for i, f := range in.req.Rows.Schema.Fields() {
		p.bytes += sizeOf(batch.Column(i))
		var arr arrow.Array
		if f.Name == core.ColDataVersion {
			arr, err = in.versions(batch.Column(i).(*array.Struct))
		} else {
			arr, err = in.in.convert(batch.Column(i))
		}
		if err != nil {
			p.release()
			return nil, in.blame(f.Name, err)
		}
		p.columns = append(p.columns, arr)
	}
	if in.print != nil {
		ordered := make([]arrow.Array, len(in.order))
		for i, at := range in.order {
			ordered[i] = p.columns[at]
		}
		in.print.add(ordered, p.rows)
	}
	in.rows += p.rows
	in.bytes += p.bytes
	return p, nil
}

// blame names the column, and the row where it is known.
func (in *intake) blame(column string, err error) error {
	var v *valueError
	if errors.As(err, &v) {
		if v.row >= 0 {
			return invalidf("row %d: column %q %s", in.rows+int64(v.row)+1, column, v.why)
		}
		return invalidf("column %q: a value %s", column, v.why)
	}
	return fmt.Errorf("column %q: %w", column, err)
}

// versions makes data_version plain, its containers in the order of their names, and notes whether any version needs escaping.
func (in *intake) versions(a *array.Struct) (arrow.Array, error) {
	names := sortedContainers(a.DataType().(*arrow.StructType))
	children := make([]arrow.Array, 0, len(names))
	defer func() { releaseAll(children) }()
	for _, n := range names {
		at, _ := a.DataType().(*arrow.StructType).FieldIdx(n)
		child, err := in.in.convert(a.Field(at))
		if err != nil {
			return nil, err
		}
		children = append(children, child)
		if texts, ok := child.(interface{ ValueBytes() []byte }); ok && !in.escapes {
			b := texts.ValueBytes()
			in.escapes = bytes.IndexByte(b, '|') >= 0 || bytes.IndexByte(b, '\\') >= 0
		}
	}
	t := core.DataVersionType(names)
	return makeStruct(t, a.Len(), nil, 0, children), nil
}

func sortedContainers(t *arrow.StructType) []string {
	return slices.Sorted(slices.Values(fieldNames(t)))
}

// sum is the fingerprint of the rows, "" without a write id.
func (in *intake) sum() string {
	if in.print == nil {
		return ""
	}
	text := fmt.Sprint(in.req.Tombstones)
	for _, at := range in.order {
		f := in.req.Rows.Schema.Field(at)
		text += fmt.Sprintf("|%q", f.Name)
		if f.Name == core.ColDataVersion {
			text += fmt.Sprintf("%q", sortedContainers(f.Type.(*arrow.StructType)))
		} else {
			text += f.Type.String()
		}
	}
	return in.print.sum(text)
}

// duplicates reports whether two ids may be the same: their hashes are.
func (in *intake) duplicates() bool { return hasRepeat(in.hashes) }
