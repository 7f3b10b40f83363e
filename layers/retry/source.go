package retry

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// source watches rows that a request carries: whether another attempt can read
// them again, and whether it was they that failed.
type source struct {
	rows   core.Rows
	ranged atomic.Bool
	failed atomic.Bool
}

func replay(rows core.Rows) *source {
	s := &source{rows: rows}
	if rows.Batches != nil {
		s.rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
			s.ranged.Store(true)
			rows.Batches(func(b arrow.RecordBatch, err error) bool {
				if err != nil {
					s.failed.Store(true)
				}
				return yield(b, err)
			})
		}
	}
	return s
}

// blame looks at how an attempt ended. When the rows failed, which may come from
// another store, that says nothing of the store below. When they are used up, the
// error is final.
func (s *source) blame(t *turn, err error) error {
	if s.failed.Swap(false) {
		t.end(unknown)
	}
	if errors.Is(err, core.ErrUnavailable) && !s.rows.Replayable && s.ranged.Load() {
		return final{fmt.Errorf("%w (not tried again: the rows can be read once)", err)}
	}
	return err
}
