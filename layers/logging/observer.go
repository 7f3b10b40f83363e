package logging

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/around"
)

// observer turns events into lines. It keeps no state between them.
type observer struct {
	logger *zap.Logger
	core   zapcore.Core
	o      options
}

var _ around.Observer = (*observer)(nil)

// Begin is around.Observer's.
func (l *observer) Begin(ctx context.Context, _ around.Call) context.Context { return ctx }

// Wants is around.Observer's: sizes are added up for lines that are likely to
// be written, and the time of loop bodies is left out where time decides.
func (l *observer) Wants(c around.Call) around.Want {
	if l.core.Enabled(l.o.level[c.Op]) {
		return around.WantBytes | around.WantTiming
	}
	if l.o.slow[c.Op] > 0 {
		return around.WantTiming
	}
	return 0
}

// End is around.Observer's.
func (l *observer) End(_ context.Context, c around.Call, o around.Outcome) {
	class := o.Class()
	if !reported(c, class) {
		return
	}
	level := l.o.level[c.Op]
	took := o.Call + o.Elapsed - o.Consumer
	slow := l.o.slow[c.Op] > 0 && took >= l.o.slow[c.Op]
	if slow {
		level = max(level, zapcore.WarnLevel)
	}
	if class.Failure() {
		level = max(level, zapcore.ErrorLevel)
	}
	message := messages[c.Op].done
	if o.Err != nil {
		message = messages[c.Op].doing
	}
	// Nothing is built for a line that is not written.
	if line := l.logger.Check(level, message); line != nil {
		line.Write(l.fields(c, o, class, took, slow)...)
	}
}

// reported picks the one event of an operation that makes its line: the end of
// the loop for rows of a read, the call for everything else, and whatever
// fails.
func reported(c around.Call, class around.Class) bool {
	switch {
	case class != around.ClassOK && class != around.ClassPartial:
		return true
	case c.Op == core.OpRead:
		return c.Part == around.PartRows
	case c.Op == core.OpResolve:
		return c.Part == around.PartCall
	default:
		return true
	}
}

// message is what a line says: done when it went well, doing when not. Of a
// write it is the same, so that one search finds all attempts.
type message struct{ doing, done string }

var messages = [numOps]message{
	core.OpWrite:   {"writing metadata", "writing metadata"},
	core.OpRead:    {"reading metadata", "read metadata"},
	core.OpResolve: {"resolving increment", "resolved increment"},
	core.OpList:    {"listing features", "listed features"},
	core.OpStat:    {"describing feature", "described feature"},
	core.OpEvolve:  {"evolving schema", "evolved schema"},
}

func (l *observer) fields(c around.Call, o around.Outcome, class around.Class, took time.Duration, slow bool) []zap.Field {
	f := make([]zap.Field, 0, 16)
	if c.Op == core.OpList {
		if c.Key != "" {
			f = append(f, zap.String("prefix", printable(c.Key)))
		}
	} else {
		f = append(f, zap.String("feature", printable(c.Key)))
	}
	if o.Err == nil {
		f = appendResult(f, c, o)
	}
	f = appendRequest(f, c, o.Err == nil || c.Part.Stream())
	f = append(f, zap.Duration("duration", took), zap.String("outcome", class.String()))
	if slow {
		f = append(f, zap.Bool("slow", true))
	}
	if c.Part > around.PartRows && c.Part != around.PartFeatures {
		f = append(f, zap.String("part", c.Part.String()))
	}
	return l.appendError(f, o.Err, class == around.ClassInvalid && c.Filter.Applied())
}

func appendResult(f []zap.Field, c around.Call, o around.Outcome) []zap.Field {
	switch c.Op {
	case core.OpWrite:
		f = append(f, zap.Int64("samples", o.Commit.Rows))
		f = append(appendSize(f, o.Commit.Bytes), zap.Int64("commit", o.Commit.Seq))
	case core.OpRead:
		f = append(f, zap.Int64("samples", o.Rows))
		if o.Bytes >= 0 {
			f = appendSize(f, o.Bytes)
		}
		f = appendOrigin(f, o.Origin)
	case core.OpResolve:
		s := o.Stats
		f = append(f, zap.Int64("new", s.New), zap.Int64("stale", s.Stale), zap.Int64("orphaned", s.Orphaned),
			zap.Int64("unchanged", s.Unchanged), zap.Int64("missing", s.Missing))
	case core.OpList:
		f = append(f, zap.Int64("features", o.Rows))
	case core.OpStat, core.OpEvolve:
		f = append(f, zap.Int64("samples", o.Info.Rows), zap.Int64("commit", o.Info.Generation), zap.Int("schema_version", o.Info.SchemaVersion))
		f = appendOrigin(f, o.Info.Origin)
	default:
	}
	return f
}

// appendOrigin tells which leg of a fallback answered, if one did.
func appendOrigin(f []zap.Field, origin string) []zap.Field {
	if origin == "" {
		return f
	}
	return append(f, zap.String("origin", origin))
}

// appendSize gives a size twice: to read, and to add up.
func appendSize(f []zap.Field, bytes int64) []zap.Field {
	return append(f, zap.String("size", humanSize(bytes)), zap.Int64("bytes", bytes))
}

func appendRequest(f []zap.Field, c around.Call, bound bool) []zap.Field {
	if c.Columns > 0 {
		f = append(f, zap.Int("columns", c.Columns))
	}
	if c.Filter.Applied() {
		f = append(f, zap.String("filters", "applied"))
		// Before a store has bound it a filter may name no column at all: a
		// value in the wrong quotes is parsed as one.
		if bound {
			f = append(f, zap.String("filter", c.Filter.Shape()))
		}
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{{c.Tombstones, "tombstones"}, {c.History, "history"}, {c.AsOf, "as_of"}, {c.Local, "local"}} {
		if flag.set {
			f = append(f, zap.Bool(flag.name, true))
		}
	}
	return f
}

// appendError leaves the text out where it may quote the filter that was
// refused; the caller has it.
func (l *observer) appendError(f []zap.Field, err error, quotes bool) []zap.Field {
	if err == nil {
		return f
	}
	var e *core.Error
	if errors.As(err, &e) && e.Layer != "" {
		f = append(f, zap.String("layer", e.Layer))
	}
	if !l.o.hideErrors && !quotes {
		f = append(f, zap.String("error", err.Error()))
	}
	return f
}

// printable keeps a hostile key from flooding or corrupting a log.
func printable(k core.FeatureKey) string {
	const most = 80
	if k.Validate() == nil {
		return string(k)
	}
	if len(k) > most {
		k = k[:most] + "…"
	}
	q := strconv.Quote(string(k))
	return q[1 : len(q)-1]
}
