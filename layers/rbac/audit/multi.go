package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Multi records in several places, one after the other.
type Multi struct {
	all       bool
	recorders []rbac.Recorder
	failures  []atomic.Int64
}

var _ rbac.Recorder = (*Multi)(nil)

// All records an event in every recorder, and fails when one fails.
func All(recorders ...rbac.Recorder) *Multi { return newMulti(true, recorders) }

// Any records an event in every recorder, and fails only when all of them do.
// See Failures for those that failed in silence; a Log that did notes how many
// events it lacks once it works again.
func Any(recorders ...rbac.Recorder) *Multi { return newMulti(false, recorders) }

func newMulti(all bool, recorders []rbac.Recorder) *Multi {
	m := &Multi{all: all, failures: make([]atomic.Int64, len(recorders))}
	m.recorders = append(m.recorders, recorders...)
	return m
}

// Record is rbac.Recorder's. Without any recorder it fails.
func (m *Multi) Record(ctx context.Context, e rbac.Event) error {
	var errs []error
	for i, r := range m.recorders {
		err := errNone
		if r != nil {
			err = r.Record(ctx, e)
		}
		if err != nil {
			m.failures[i].Add(1)
			errs = append(errs, fmt.Errorf("recorder %d: %w", i+1, err))
		}
	}
	switch {
	case len(m.recorders) == 0:
		return errNone
	case len(errs) > 0 && m.all, len(errs) == len(m.recorders):
		// One sentinel, whatever those of the recorders are.
		return fmt.Errorf("audit: %w: %s", core.ErrUnavailable, strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; "))
	}
	return nil
}

// Failures counts for each recorder the events that it could not record.
func (m *Multi) Failures() []int64 {
	out := make([]int64, len(m.failures))
	for i := range m.failures {
		out[i] = m.failures[i].Load()
	}
	return out
}

var errNone = fmt.Errorf("audit: %w: there is no recorder", core.ErrUnavailable)
