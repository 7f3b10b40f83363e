package resolve

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core/ident"
)

// gatherAs copies ids and gives them another type of the same family: samples
// that come from two upstreams may have their ids in an int32 and an int64.
func gatherAs(t arrow.DataType, column arrow.Array, refs []ref) (arrow.Array, error) {
	if arrow.TypeEqual(t, column.DataType()) {
		return gather(t, []arrow.Array{column}, refs)
	}
	one := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "id", Type: column.DataType()}}, nil), []arrow.Array{column}, int64(column.Len()))
	defer one.Release()
	keys, err := ident.BindKeys(one, []string{"id"})
	if err != nil {
		return nil, invalidf("%w", err)
	}
	b := array.NewBuilder(mem, t)
	defer b.Release()
	b.Reserve(len(refs))
	for _, r := range refs {
		switch b := b.(type) {
		case *array.Int64Builder:
			b.Append(keys.Int(0, r.row()))
		case *array.Uint64Builder:
			b.Append(uint64(keys.Int(0, r.row())))
		case array.StringLikeBuilder:
			b.Append(string(keys.Bytes(0, r.row())))
		case *array.BinaryBuilder:
			b.Append(keys.Bytes(0, r.row()))
		default:
			return nil, invalidf("ids of type %s cannot be given as %s", column.DataType(), t)
		}
	}
	return b.NewArray(), nil
}

// commonType is the type of an id column that several sides can decide about.
func commonType(a, b arrow.DataType) arrow.DataType {
	if arrow.TypeEqual(a, b) {
		return a
	}
	a, b = plain(a), plain(b)
	switch {
	case arrow.TypeEqual(a, b):
		return a
	case arrow.IsUnsignedInteger(a.ID()) && arrow.IsUnsignedInteger(b.ID()):
		return arrow.PrimitiveTypes.Uint64
	case arrow.IsInteger(a.ID()):
		return arrow.PrimitiveTypes.Int64
	case a.ID() == arrow.STRING, a.ID() == arrow.LARGE_STRING, a.ID() == arrow.STRING_VIEW:
		return arrow.BinaryTypes.LargeString
	}
	return arrow.BinaryTypes.LargeBinary
}

func plain(t arrow.DataType) arrow.DataType {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return plain(d.ValueType)
	}
	return t
}
