package fallback

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// keep reads single-use samples into memory so that they can be ranged over
// again: the columns that an increment needs, and no others. The caller
// releases them.
func keep(req core.ResolveRequest) (core.Rows, func(), error) {
	wanted := slices.Concat([]string{core.ColDataVersion}, req.Plan.Feature.ID, req.Columns)
	var fields []arrow.Field
	var from []int
	for i, f := range req.Samples.Schema.Fields() {
		if slices.Contains(wanted, f.Name) {
			fields, from = append(fields, f), append(from, i)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	var kept []arrow.RecordBatch
	release := func() { core.ReleaseAll(kept) }
	for b, err := range req.Samples.All() {
		if err == nil && !core.SameColumns(b.Schema(), req.Samples.Schema) {
			err = invalidf("a batch of the samples has other columns than their schema")
		}
		if err != nil {
			release()
			return core.Rows{}, nil, err
		}
		columns := make([]arrow.Array, len(from))
		for i, at := range from {
			columns[i] = b.Column(at)
		}
		kept = append(kept, array.NewRecordBatch(schema, columns, b.NumRows()))
	}
	return core.RowsOf(schema, kept...), release, nil
}
