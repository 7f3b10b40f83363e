package resolve

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// textColumn reads the versions of one container in a block, whatever kind of
// string Arrow holds them in.
type textColumn struct {
	offsets []int32 // with data, or nil
	data    []byte
	get     func(row int) ([]byte, bool) // when offsets is nil; nil: all are null
	nulls   arrow.Array                  // of the column, nil: none
	outer   arrow.Array                  // of the struct around it, nil: none
}

// value gives a version and whether it is there; a null reads as empty.
func (c *textColumn) value(row int) ([]byte, bool) {
	if c.nulls != nil && c.nulls.IsNull(row) || c.outer != nil && c.outer.IsNull(row) {
		return nil, false
	}
	if c.offsets != nil {
		return c.data[c.offsets[row]:c.offsets[row+1]], true
	}
	if c.get == nil {
		return nil, false
	}
	return c.get(row)
}

// bindVersions finds the containers in the "data_version" of a batch. One that
// is not there reads as null: rows may be older than the container.
func bindVersions(rec arrow.RecordBatch, containers []string) ([]textColumn, error) {
	out := make([]textColumn, len(containers))
	if len(containers) == 0 {
		return out, nil
	}
	at := rec.Schema().FieldIndices(core.ColDataVersion)
	if len(at) != 1 {
		return nil, invalidf("the rows lack the column %q", core.ColDataVersion)
	}
	dv, ok := rec.Column(at[0]).(*array.Struct)
	if !ok {
		return nil, invalidf("column %q is %s, want a struct of strings", core.ColDataVersion, rec.Column(at[0]).DataType())
	}
	t := dv.DataType().(*arrow.StructType)
	for i, c := range containers {
		f, ok := t.FieldIdx(c)
		if !ok {
			continue
		}
		if !out[i].bind(dv.Field(f)) {
			return nil, invalidf("container %q of %q is %s, want strings", c, core.ColDataVersion, t.Field(f).Type)
		}
		if dv.NullN() > 0 {
			out[i].outer = dv
		}
	}
	return out, nil
}

func (c *textColumn) bind(arr arrow.Array) bool {
	if arr.NullN() > 0 {
		c.nulls = arr
	}
	switch a := arr.(type) {
	case *array.String:
		if a.Len() > 0 {
			c.offsets = a.ValueOffsets()
			if b := a.Data().Buffers()[2]; b != nil {
				c.data = b.Bytes()
			}
		}
	case *array.LargeString:
		c.get = func(row int) ([]byte, bool) { return bytesOf(a.Value(row)), true }
	case *array.StringView:
		c.get = func(row int) ([]byte, bool) { return bytesOf(a.Value(row)), true }
	case *array.Dictionary:
		var values textColumn
		if !values.bind(a.Dictionary()) {
			return false
		}
		c.get = func(row int) ([]byte, bool) { return values.value(a.GetValueIndex(row)) }
	case *array.Null:
	default:
		return false
	}
	return true
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
