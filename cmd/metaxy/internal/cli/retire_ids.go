package cli

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// heldAmong keeps of listed ids those of samples that are there, as the store
// has them, and tells how many are not.
func (a *app) heldAmong(ctx context.Context, s core.Store, p *core.Plan, listed core.Rows) (core.Rows, error) {
	missing := map[string]struct{}{}
	for b, err := range listed.All() {
		if err != nil {
			return core.Rows{}, err
		}
		if err := eachID(b, p.Feature.ID, func(_ int, id string) { missing[id] = struct{}{} }); err != nil {
			return core.Rows{}, err
		}
	}
	rows, err := s.Read(ctx, core.ReadRequest{Key: p.Key(), Columns: p.Feature.ID, Local: a.local})
	if err != nil {
		return core.Rows{}, err
	}
	var found []arrow.RecordBatch
	for b, err := range rows.All() {
		if err != nil {
			return core.Rows{}, err
		}
		keep := make([]bool, b.NumRows())
		err := eachID(b, p.Feature.ID, func(row int, id string) {
			_, keep[row] = missing[id]
			delete(missing, id)
		})
		if err != nil {
			return core.Rows{}, err
		}
		kept, err := filtered(ctx, b, keep)
		if err != nil {
			return core.Rows{}, err
		}
		found = append(found, kept)
	}
	if n := len(missing); n > 0 {
		fmt.Fprintf(a.err, "metaxy: %s of the list %s not held\n", howMany(n, "sample"), map[bool]string{true: "is", false: "are"}[n == 1])
	}
	return core.RowsOf(rows.Schema, found...), nil
}

// eachID gives the id of each row of a batch.
func eachID(b arrow.RecordBatch, columns []string, f func(row int, id string)) error {
	ids, err := ident.Bind(b, columns)
	if err != nil {
		return err
	}
	var buf []byte
	for row := range ids.Rows() {
		buf = ids.AppendText(buf[:0], row)
		f(row, string(buf))
	}
	return nil
}

// filtered keeps rows of a batch.
func filtered(ctx context.Context, b arrow.RecordBatch, keep []bool) (arrow.RecordBatch, error) {
	mask := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer mask.Release()
	mask.AppendValues(keep, nil)
	selected := mask.NewBooleanArray()
	defer selected.Release()
	return compute.FilterRecordBatch(ctx, b, selected, compute.DefaultFilterOptions())
}
