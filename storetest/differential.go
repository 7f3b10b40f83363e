package storetest

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// Differential makes the calls of a script on a bare store and on one that must
// not be told from it, and gives the first call whose answers differ, with the
// difference, or -1. It is what property Y1 does with one layer, for stacks.
// The rows that it writes come from mem and are released before it returns.
func Differential(t *testing.T, mem *memory.CheckedAllocator, bare, wrapped core.Store, steps []Step) (at int, diff string) {
	t.Helper()
	return DifferentialIn(t.Context(), t, mem, bare, wrapped, steps)
}

// DifferentialIn is Differential with calls in a context, such as one with the
// identity that an access layer wants.
func DifferentialIn(ctx context.Context, t *testing.T, mem *memory.CheckedAllocator, bare, wrapped core.Store, steps []Step) (at int, diff string) {
	t.Helper()
	e := &env{T: t, mem: mem, base: ctx}
	for at, step := range steps {
		if d := Diff(step.do(e, bare), step.do(e, wrapped)); d != "" {
			return at, d
		}
	}
	return -1, ""
}
