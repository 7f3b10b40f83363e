package expr

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Keep returns the rows of a batch whose bit is set, with all its columns: bit i%64 of rows[i/64] stands for row i, and there must be a word
// for every 64 rows. The caller releases the result, which is the batch itself, retained, when all rows are kept. Unlike Arrow's own
// kernels it knows every type that a feature can hold.
func Keep(ctx context.Context, batch arrow.RecordBatch, rows []uint64, mem memory.Allocator) (arrow.RecordBatch, error) {
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	n := int(batch.NumRows())
	switch kept := count(rows[:words(n)], n); kept {
	case n:
		batch.Retain()
		return batch, nil
	case 0:
		return batch.NewSlice(0, 0), nil
	default:
		return take(ctx, batch, mask{yes: rows[:words(n)]}, n, kept, mem)
	}
}
