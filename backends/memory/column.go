package memory

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// systemColumn is a column of core.SystemFields, by its place there. Within a
// commit each has one value.
func systemColumn(mem arrowmem.Allocator, which int, c core.Commit, rows int) arrow.Array {
	field := core.SystemFields()[which]
	b := array.NewBuilder(mem, field.Type)
	defer b.Release()
	b.Reserve(rows)
	for range rows {
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(c.FeatureVersion)
		case *array.Int64Builder:
			b.Append(c.Seq)
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(c.Time.UnixMicro()))
		case *array.BooleanBuilder:
			b.Append(c.Tombstones)
		}
	}
	return b.NewArray()
}
