package fallback

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/compute"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// part is what one place gives to a merged read.
type part struct {
	name   string
	rows   core.Rows     // the columns of wide that the place has, and ids
	known  core.Rows     // the id of every row ever written; of the last place nothing
	wide   *arrow.Schema // the columns that are returned, then those that filter needs
	from   []int         // of wide: the column of rows, -1 for none
	filter *expr.Bound   // what the place could not answer itself; may be nil
}

func (p *part) locate(rows *arrow.Schema) {
	p.from = make([]int, p.wide.NumFields())
	for i, f := range p.wide.Fields() {
		p.from[i] = -1
		if at := rows.FieldIndices(f.Name); len(at) > 0 {
			p.from[i] = at[0]
		}
	}
}

// run yields the rows whose id passes keep; nil keeps all.
func (p *part) run(ctx context.Context, v *view, keep func([2]uint64) bool, yield func(arrow.RecordBatch, error) bool) (more bool, err error) {
	for b, err := range p.rows.All() {
		if err != nil {
			return false, err
		}
		out, err := p.batch(ctx, v, keep, b)
		if err != nil {
			return false, err
		}
		if !deliver(out, yield) {
			return false, nil
		}
	}
	return true, nil
}

// deliver releases the batch even when the loop's body panics.
func deliver(b arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	defer b.Release()
	return b.NumRows() == 0 || yield(b, nil)
}

func (p *part) batch(ctx context.Context, v *view, keep func([2]uint64) bool, b arrow.RecordBatch) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.Retain()
	next := func(made arrow.RecordBatch, err error) error {
		b.Release()
		b = made
		return err
	}
	if keep != nil {
		rows := make([]uint64, (b.NumRows()+63)/64)
		err := v.ids.each(b, func(row int, id [2]uint64) {
			if keep(id) {
				rows[row/64] |= 1 << (row % 64)
			}
		})
		if err != nil {
			b.Release()
			return nil, err
		}
		if err = next(expr.Keep(ctx, b, rows, arrowmem.DefaultAllocator)); err != nil {
			return nil, err
		}
	}
	if err := next(p.widen(ctx, b)); err != nil {
		return nil, err
	}
	if p.filter != nil {
		if err := next(p.filter.Filter(ctx, b, arrowmem.DefaultAllocator)); err != nil {
			return nil, err
		}
	}
	if n := v.plan.Schema.NumFields(); n < p.wide.NumFields() {
		_ = next(array.NewRecordBatch(v.plan.Schema, b.Columns()[:n], b.NumRows()), nil)
	}
	return b, nil
}

// widen gives a batch the columns of wide.
func (p *part) widen(ctx context.Context, b arrow.RecordBatch) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, len(p.from))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, f := range p.wide.Fields() {
		c, err := p.column(ctx, f, p.from[i], b)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		columns = append(columns, c)
	}
	return array.NewRecordBatch(p.wide, columns, b.NumRows()), nil
}

func (p *part) column(ctx context.Context, f arrow.Field, from int, b arrow.RecordBatch) (arrow.Array, error) {
	switch {
	case from < 0 && f.Name == core.ColOrigin:
		return p.origin(int(b.NumRows())), nil
	case from < 0:
		return array.MakeArrayOfNull(arrowmem.DefaultAllocator, f.Type, int(b.NumRows())), nil
	}
	c := b.Column(from)
	if arrow.TypeEqual(c.DataType(), f.Type) {
		c.Retain()
		return c, nil
	}
	if versions, ok := c.(*array.Struct); ok && f.Name == core.ColDataVersion {
		return withContainers(versions, f.Type.(*arrow.StructType))
	}
	return compute.CastToType(compute.WithAllocator(ctx, arrowmem.DefaultAllocator), c, f.Type)
}

func (p *part) origin(rows int) arrow.Array {
	b := array.NewStringBuilder(arrowmem.DefaultAllocator)
	defer b.Release()
	b.Reserve(rows)
	b.ReserveData(rows * len(p.name))
	for range rows {
		b.Append(p.name)
	}
	return b.NewArray()
}

// withContainers gives "data_version" the containers of t: those that it lacks
// are null.
func withContainers(versions *array.Struct, t *arrow.StructType) (arrow.Array, error) {
	children := make([]arrow.Array, 0, t.NumFields())
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	for _, f := range t.Fields() {
		at, ok := versions.DataType().(*arrow.StructType).FieldIdx(f.Name)
		if !ok {
			children = append(children, array.MakeArrayOfNull(arrowmem.DefaultAllocator, f.Type, versions.Len()))
			continue
		}
		child := versions.Field(at)
		child.Retain()
		children = append(children, child)
	}
	var valid *arrowmem.Buffer
	if versions.NullN() > 0 {
		valid = arrowmem.NewBufferBytes(make([]byte, bitutil.BytesForBits(int64(versions.Len()))))
		for row := range versions.Len() {
			bitutil.SetBitTo(valid.Bytes(), row, versions.IsValid(row))
		}
	}
	return array.NewStructArrayWithFieldsAndNulls(children, t.Fields(), valid, versions.NullN(), 0)
}
