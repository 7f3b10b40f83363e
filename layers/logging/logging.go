// Package logging is a layer that writes one structured line for each
// operation, at its end, with zap or slog.
//
//	store, err := compose.New(db, compose.With(logging.New(logger, logging.SlowThreshold(time.Second))))
//
//	writing metadata  feature=video/crop samples=1000 size=2.3MB bytes=2312000 commit=7 duration=12ms outcome=ok
//	read metadata     feature=video/crop samples=250 size=580kB bytes=580112 filters=applied filter="size > ?" duration=45ms outcome=ok
//
// A read is logged when the loop over its rows ends, with the rows that came
// and the time that the store (not the loop's body) took. Writes and schema
// changes are logged at info, everything else at debug, what is slow at warn,
// failures at error. Sample thins out busy stores and never drops what failed
// or was slow. A feature that is not there, a caller who stopped and a
// loop left early are no failures.
//
// No row's value and no filter's literal is ever logged: of a filter the line
// shows the shape, such as "region = ?".
package logging

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// Name is the layer's name in descriptions and errors.
const Name = "logging"

// Logging is the layer. It may wrap several stores.
type Logging struct {
	logger  *zap.Logger
	o       options
	dropped atomic.Int64
}

var _ core.Layer = (*Logging)(nil)

// New makes a layer that logs to logger; nil logs nothing. The logger's own
// level decides what is written, and what is below it costs next to nothing.
func New(logger *zap.Logger, opts ...Option) *Logging {
	if logger == nil {
		logger = zap.NewNop()
	}
	l := &Logging{logger: logger, o: newOptions(opts)}
	if l.o.sample != nil && l.o.sample.check() == nil {
		l.logger = logger.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return l.o.sample.core(c, &l.dropped) }))
	}
	return l
}

// NewSlog makes a layer that logs to a slog.Logger; nil logs nothing.
func NewSlog(logger *slog.Logger, opts ...Option) *Logging {
	if logger == nil {
		return New(nil, opts...)
	}
	return New(zap.New(slogCore{handler: logger.Handler()}), opts...)
}

// Info is core.Layer's.
func (l *Logging) Info() core.LayerInfo {
	return core.LayerInfo{Name: Name, Phase: core.PhaseObserve, Summary: l.o.summary()}
}

// Wrap is core.Layer's. A Sample that makes no sense is core.ErrInvalid.
func (l *Logging) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%s: %w: there is no store to wrap", Name, core.ErrInvalid)
	}
	if err := l.o.sample.check(); err != nil {
		return nil, err
	}
	observer := &observer{logger: l.logger, core: l.logger.Core(), o: l.o}
	return around.Wrap(next, observer, around.Options{Name: Name, Clock: l.o.clock}), nil
}

// Option sets a choice of New. Options commute, except that of two levels or
// thresholds for one operation the later holds.
type Option func(*options)

// Level sets the level at which these operations are logged when they go well;
// without operations, all of them.
func Level(level zapcore.Level, ops ...core.Op) Option {
	return func(o *options) { each(ops, func(op core.Op) { o.level[op] = level }) }
}

// SlowThreshold makes operations at least this slow a warning, whatever their
// level; without operations, all of them. Only the store's time counts, not
// what the body of a loop over the rows takes. Zero means no threshold.
func SlowThreshold(d time.Duration, ops ...core.Op) Option {
	return func(o *options) { each(ops, func(op core.Op) { o.slow[op] = d }) }
}

// Clock replaces time.Now for measuring, for tests. The time of a line is the
// logger's own.
func Clock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// HideErrorText logs the kind of an error without its text, for stores that
// are not trusted to keep values out of their errors.
func HideErrorText() Option { return func(o *options) { o.hideErrors = true } }

// numOps is one more than the last operation.
const numOps = core.OpClose + 1

type options struct {
	level      [numOps]zapcore.Level
	slow       [numOps]time.Duration
	clock      func() time.Time
	hideErrors bool
	sample     *sampling
}

func newOptions(opts []Option) options {
	o := options{}
	each(nil, func(op core.Op) {
		o.level[op] = zapcore.DebugLevel
		if op.Mutates() {
			o.level[op] = zapcore.InfoLevel
		}
	})
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	return o
}

func each(ops []core.Op, set func(core.Op)) {
	if len(ops) == 0 {
		for op := range core.Ops() {
			set(op)
		}
	}
	for _, op := range ops {
		if op > 0 && op < numOps {
			set(op)
		}
	}
}

// summary says what differs from one operation to another, shortest first.
func (o options) summary() string {
	s := ""
	for op := range core.Ops() {
		if o.level[op] == zapcore.InfoLevel {
			s += " " + op.String()
		}
	}
	if s != "" {
		s = "info:" + s
	}
	add := func(text string) {
		if s != "" {
			s += ", "
		}
		s += text
	}
	if slow := o.slow[core.OpRead]; slow > 0 {
		add("slow: " + slow.String())
	}
	if o.sample != nil {
		add(o.sample.summary())
	}
	return s
}
