package catalog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Option sets one property of the layer.
type Option func(*options)

// Defaults of the options.
const (
	DefaultCatchUpRows  = 1 << 20
	DefaultCatchUpWait  = 2 * time.Second
	DefaultSpillBytes   = 64 << 20
	DefaultTimeout      = 30 * time.Second
	DefaultRetryAfter   = time.Second
	DefaultAbandonAfter = 24 * time.Hour
)

type trust uint8

const (
	askStore trust = iota
	maxAge
	soleWriter
	everyWriter
)

type options struct {
	trust     trust
	conflicts []string // further choices of trust
	age       time.Duration
	require   bool
	identity  func(context.Context) string
	catchUp   int64
	wait      time.Duration
	spill     int64
	spillDir  string
	timeout   time.Duration
	retry     time.Duration
	onProblem func(core.FeatureKey, error)
	now       func() time.Time
}

func defaults() options {
	return options{
		catchUp: DefaultCatchUpRows, wait: DefaultCatchUpWait, spill: DefaultSpillBytes, timeout: DefaultTimeout, retry: DefaultRetryAfter, now: time.Now,
	}
}

func (o *options) choose(t trust, what string) {
	o.trust = t
	o.conflicts = append(o.conflicts, what)
}

// MaxAge answers Stat and existence from the catalog for so long after the
// store was last asked about a feature. What other programs write in that time
// may not be seen; own writes are seen at once. Without it and the two options
// below every question goes to the store.
func MaxAge(d time.Duration) Option {
	return func(o *options) { o.age = d; o.choose(maxAge, "MaxAge") }
}

// SoleWriter says that nothing else writes to the store while this layer is in
// use. Once the two were compared, at the first use, Stat, List and existence
// are answered from the catalog and are exact.
func SoleWriter() Option { return func(o *options) { o.choose(soleWriter, "SoleWriter") } }

// EveryWriterRegisters says that whatever writes to the store does so through
// this layer, with this option and over the same catalog. An intent is recorded
// before each write, so that answers from the catalog are exact for all of
// them: a feature that somebody is writing is looked up in the store. It
// implies RequireCatalog.
func EveryWriterRegisters() Option {
	return func(o *options) { o.require = true; o.choose(everyWriter, "EveryWriterRegisters") }
}

// RequireCatalog refuses a write before it is made when the catalog cannot take
// an intent. Without it writes go on and are registered later.
func RequireCatalog() Option { return func(o *options) { o.require = true } }

// Identity tells who writes, for the history; "" is unknown.
func Identity(of func(ctx context.Context) string) Option {
	return func(o *options) { o.identity = of }
}

// CatchUp bounds how many rows may be read again at the first use of the store
// to register what an earlier program left unregistered: DefaultCatchUpRows
// when not set. What is beyond waits for Reconcile, and until then its
// features are looked up in the store.
func CatchUp(rows int64) Option { return func(o *options) { o.catchUp = max(rows, 0) } }

// CatchUpWait is how long the first calls wait for the comparison at the first
// use before they ask the store: DefaultCatchUpWait when not set, and never more
// than half of the time that a caller's context leaves. The comparison goes on
// beside them.
func CatchUpWait(d time.Duration) Option { return func(o *options) { o.wait = d } }

// NoCatchUp leaves the comparison at the first use out. With SoleWriter and
// EveryWriterRegisters the catalog is then believed to be whole.
func NoCatchUp() Option { return func(o *options) { o.catchUp = -1 } }

// SpillAfter sets how much memory the versions of one write may take before
// they go to a temporary file in dir ("" is the system's).
func SpillAfter(bytes int64, dir string) Option {
	return func(o *options) { o.spill, o.spillDir = bytes, dir }
}

// Timeout bounds one registration. It is not cut short by the end of the
// caller's context, because the commit is there.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// RetryAfter is how long a catalog that failed is left alone. Writes in that
// time are registered later.
func RetryAfter(d time.Duration) Option { return func(o *options) { o.retry = d } }

// OnProblem is told what went wrong beside an operation that succeeded, such as
// a registration that has to be made later. It must be quick, and safe to call
// by several goroutines. The error holds no values of rows.
func OnProblem(f func(feature core.FeatureKey, err error)) Option {
	return func(o *options) { o.onProblem = f }
}

// Clock replaces the clock of MaxAge, RetryAfter and intents, for tests.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

func (o options) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: catalog: "+format, append([]any{core.ErrInvalid}, args...)...))
	}
	if len(o.conflicts) > 1 {
		bad("choose one of %v", o.conflicts)
	}
	if o.trust == maxAge && o.age <= 0 {
		bad("max age is %s, want a positive duration", o.age)
	}
	if o.spill < 1<<10 || o.spill > math.MaxInt32 {
		bad("spill after %d bytes, want between 1 KiB and 2 GiB", o.spill)
	}
	if o.timeout <= 0 || o.retry < 0 {
		bad("timeout %s, retry after %s: want positive durations", o.timeout, o.retry)
	}
	if o.wait < 0 {
		bad("a wait of %s for the first comparison", o.wait)
	}
	if o.now == nil {
		bad("the clock is nil")
	}
	return errors.Join(errs...)
}

func (o options) summary() string {
	s := map[trust]string{
		askStore: "asks the store", maxAge: "trusted for " + o.age.String(), soleWriter: "sole writer", everyWriter: "every writer registers",
	}[o.trust]
	if o.require && o.trust != everyWriter {
		s += ", required"
	}
	switch {
	case o.catchUp < 0:
		s += ", no catching up"
	case o.catchUp != DefaultCatchUpRows:
		s += fmt.Sprintf(", catches up with %d rows", o.catchUp)
	}
	return s
}
