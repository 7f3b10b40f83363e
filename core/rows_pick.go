package core

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Pick gives some of the columns, by their places in the schema and in the order
// given, which must be there. Nothing is copied.
func (r Rows) Pick(at ...int) Rows {
	fields := make([]arrow.Field, len(at))
	for i, from := range at {
		fields[i] = r.Schema.Field(from)
	}
	schema := arrow.NewSchema(fields, nil)
	return Rows{Schema: schema, Replayable: r.Replayable, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range r.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			columns := make([]arrow.Array, len(at))
			for i, from := range at {
				columns[i] = b.Column(from)
			}
			part := array.NewRecordBatch(schema, columns, b.NumRows())
			more := yield(part, nil)
			part.Release()
			if !more {
				return
			}
		}
	}}
}
