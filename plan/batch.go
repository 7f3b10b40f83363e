package plan

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func fieldNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return names
}

// project keeps the columns of a schema whose types are b's.
func project(b arrow.RecordBatch, schema *arrow.Schema) arrow.RecordBatch {
	cols := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		cols[i] = b.Column(b.Schema().FieldIndices(f.Name)[0])
	}
	return array.NewRecordBatch(schema, cols, b.NumRows())
}

// align gives a batch the columns of a schema: what it lacks is null, ids and
// versions in another encoding are rewritten.
func align(b arrow.RecordBatch, schema *arrow.Schema) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, schema.NumFields())
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, f := range schema.Fields() {
		at := b.Schema().FieldIndices(f.Name)
		if len(at) == 0 {
			cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, int(b.NumRows()))
			continue
		}
		c, err := convert(b.Column(at[0]), f.Type)
		if err != nil {
			return nil, invalidf("column %q: a %s where a %s is held", f.Name, b.Column(at[0]).DataType(), f.Type)
		}
		cols[i] = c
	}
	return array.NewRecordBatch(schema, cols, b.NumRows()), nil
}

// convert rewrites a column in another type that holds the same values.
func convert(a arrow.Array, to arrow.DataType) (arrow.Array, error) {
	if arrow.TypeEqual(a.DataType(), to) {
		a.Retain()
		return a, nil
	}
	if from, ok := a.(*array.Struct); ok {
		if t, ok := to.(*arrow.StructType); ok {
			return convertStruct(from, t)
		}
	}
	b := array.NewBuilder(memory.DefaultAllocator, to)
	defer b.Release()
	for row := range a.Len() {
		if a.IsNull(row) {
			b.AppendNull()
		} else if err := b.AppendValueFromString(valueText(a, row)); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

func valueText(a arrow.Array, row int) string {
	if d, ok := a.(*array.Dictionary); ok {
		return valueText(d.Dictionary(), d.GetValueIndex(row))
	}
	return a.ValueStr(row)
}

// convertStruct matches fields by name; one that is not there is null.
func convertStruct(a *array.Struct, to *arrow.StructType) (arrow.Array, error) {
	from := a.DataType().(*arrow.StructType)
	children := make([]arrow.ArrayData, to.NumFields())
	defer func() {
		for _, c := range children {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, f := range to.Fields() {
		var c arrow.Array
		if j, ok := from.FieldIdx(f.Name); ok {
			var err error
			if c, err = convert(a.Field(j), f.Type); err != nil {
				return nil, err
			}
		} else {
			c = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, a.Len())
		}
		children[i] = c.Data()
		children[i].Retain()
		c.Release()
	}
	d := array.NewData(to, a.Len(), []*memory.Buffer{nil}, children, 0, 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

// without leaves rows out, which are given in ascending order.
func without(b arrow.RecordBatch, rows []int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, b.NumCols())
	for i := range cols {
		var runs []arrow.Array
		from := int64(0)
		for _, r := range append(rows[:len(rows):len(rows)], int(b.NumRows())) {
			if int64(r) > from {
				runs = append(runs, array.NewSlice(b.Column(i), from, int64(r)))
			}
			from = int64(r) + 1
		}
		var err error
		if len(runs) == 0 {
			cols[i] = array.NewSlice(b.Column(i), 0, 0)
		} else {
			cols[i], err = array.Concatenate(runs, memory.DefaultAllocator)
		}
		for _, r := range runs {
			r.Release()
		}
		if err != nil {
			for _, c := range cols[:i] {
				c.Release()
			}
			return nil, err
		}
	}
	out := array.NewRecordBatch(b.Schema(), cols, b.NumRows()-int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return out, nil
}
