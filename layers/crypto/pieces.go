package crypto

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// batchRows is how many rows are encrypted or decrypted at a time at most.
const batchRows = 1 << 16

// pieces applies f to a batch, or to parts of it where it is too large, and
// releases what f returns.
func pieces(b arrow.RecordBatch, f func(arrow.RecordBatch) (arrow.RecordBatch, error)) func(func(arrow.RecordBatch, error) bool) {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var do func(lo, hi int64) bool
		do = func(lo, hi int64) bool {
			if hi-lo > batchRows {
				return do(lo, lo+batchRows) && do(lo+batchRows, hi)
			}
			piece := b.NewSlice(lo, hi)
			defer piece.Release()
			share(piece)
			out, err := f(piece)
			if errors.Is(err, errTooMany) && hi-lo > 1 {
				return do(lo, (lo+hi)/2) && do((lo+hi)/2, hi)
			}
			if errors.Is(err, errTooMany) {
				err = invalidf("a single value is too large")
			}
			if err != nil {
				yield(nil, err)
				return false
			}
			defer out.Release()
			return yield(out, nil)
		}
		do(0, b.NumRows())
	}
}

// share prepares a slice, which has arrays of its own over the caller's data,
// for several goroutines. Unlike core.Share it does not count nulls, since that
// would be noted in the data.
func share(b arrow.RecordBatch) {
	for _, c := range b.Columns() {
		shareArray(c)
	}
}

func shareArray(arr arrow.Array) {
	switch a := arr.(type) {
	case *array.Dictionary:
		shareArray(a.Dictionary())
	case *array.Struct:
		for i := range a.NumField() {
			shareArray(a.Field(i))
		}
	case array.ListLike:
		shareArray(a.ListValues())
	}
}
