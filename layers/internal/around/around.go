// Package around is the one seam through which layers observe a store.
// Metrics, logging and tracing are built on it, so an operation is seen by all
// three alike.
//
// An operation that answers at once is one event. An operation that gives rows
// is two: the call, and each range over its rows, which is measured at the end
// of the loop on every path out of it. Rows that are never ranged over make no
// second event. List has only the range.
package around

import (
	"context"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Observer is told of every event. Its methods are called concurrently, and
// must neither block nor panic.
type Observer interface {
	// Begin is called before the event. The context it returns is the one that
	// the operation gets, and End: a tracer puts its span there.
	Begin(ctx context.Context, c Call) context.Context
	// End is called once for each Begin.
	End(ctx context.Context, c Call, o Outcome)
	// Wants asks what is worth measuring for each batch of this range.
	Wants(c Call) Want
}

// Want is a set of things to measure for each batch.
type Want uint8

// What costs something for each batch.
const (
	WantBytes  Want = 1 << iota // Outcome.Bytes: adds up buffers, about a microsecond
	WantTiming                  // Outcome.FirstBatch and Consumer: reads the clock twice
)

// Call is what is observed. It carries names and counts, never a row's value
// and never a filter's literal.
type Call struct {
	Op         core.Op
	Part       Part
	Key        core.FeatureKey // as the caller sent it, so perhaps hostile; for List the prefix
	Columns    int             // asked for; 0 means the default ones
	Filter     Filter
	Tombstones bool
	History    bool
	AsOf       bool
	Local      bool
}

// Filter stands for a filter without giving its literals away.
type Filter struct{ e expr.Expr }

// FilterOf hides a filter.
func FilterOf(e expr.Expr) Filter { return Filter{e} }

// Applied reports whether there is a filter.
func (f Filter) Applied() bool { return f.e != nil }

// Shape prints the filter with ? for every literal, "" without a filter.
func (f Filter) Shape() string { return expr.Shape(f.e) }

// Outcome is how an event ended.
type Outcome struct {
	Err     error
	Elapsed time.Duration

	// Of a range over rows:
	Rows       int64 // or features
	Batches    int64
	Bytes      int64         // Arrow bytes, -1 when nobody wanted them
	FirstBatch time.Duration // from the begin of the loop, 0 when there was none or nobody wanted it
	Consumer   time.Duration // the part of Elapsed that the loop's body took, 0 when nobody wanted it
	Call       time.Duration // how long the call took that gave these rows
	Partial    bool          // the consumer left the loop early: no failure
	Origin     string        // of a Read: the fallback leg that answered, "" when it was this store

	// Of a call that succeeded:
	Commit core.Commit // Write
	Stats  core.Stats  // Resolve
	Info   core.Info   // Stat, Evolve
}

// Options of Wrap.
type Options struct {
	Name  string           // of the layer, for its errors
	Clock func() time.Time // time.Now when nil
	// Nest gives the Begin of a range the context that the Begin of its call
	// returned, so that what is put there joins the two: a tracer's span.
	Nest bool
}

// Wrap returns next, observed by o. The result adds nothing to what next can
// do and takes nothing away; closing it leaves next open.
func Wrap(next core.Store, o Observer, opts Options) core.Store {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	return &store{next: next, observer: o, now: opts.Clock, name: opts.Name, nest: opts.Nest}
}
