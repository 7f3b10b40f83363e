package retry

import (
	"errors"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/metaxy-go/metaxy/core"
)

// Stats counts, by operation, what the layer did since it was made. Every
// operation is a key, also where nothing happened.
type Stats struct {
	Repeated  map[core.Op]int64 // attempts that failed and were repeated
	Recovered map[core.Op]int64 // operations that succeeded after that
	GaveUp    map[core.Op]int64 // operations that failed after that
	Refused   map[core.Op]int64 // operations that were not tried because the circuit is open
}

// Stats gives the numbers so far, of all stores that the layer made. A read
// counts twice, as it may fail twice: in its call and in a loop over its rows.
func (r *Retry) Stats() Stats {
	read := func(which outcome) map[core.Op]int64 {
		out := map[core.Op]int64{}
		for op := range core.Ops() {
			out[op] = r.counts[which][op].Load()
		}
		return out
	}
	return Stats{Repeated: read(repeated), Recovered: read(recovered), GaveUp: read(gaveUp), Refused: read(refused)}
}

// outcome is what Stats tells apart.
type outcome uint8

const (
	repeated outcome = iota
	recovered
	gaveUp
	refused
	outcomes
)

// counts are the numbers by outcome and operation.
type counts [outcomes][core.OpClose]atomic.Int64

// ended counts an operation that began some attempts, and again after some.
func (c *counts) ended(op core.Op, attempts, again int, err error) {
	switch {
	case attempts == 0 && errors.Is(err, circuitbreaker.ErrOpen):
		c[refused][op].Add(1)
	case again == 0:
	case err == nil:
		c[recovered][op].Add(1)
	default:
		c[gaveUp][op].Add(1)
	}
}
