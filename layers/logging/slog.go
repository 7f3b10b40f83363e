package logging

import (
	"context"
	"log/slog"
	"time"

	"go.uber.org/zap/zapcore"
)

// slogCore writes zap's entries to a slog.Handler.
type slogCore struct {
	handler slog.Handler
}

var _ zapcore.Core = slogCore{}

// slogLevel is the level of slog with the same meaning. Both scales are
// ordered, and four of slog's steps are one of zap's.
func slogLevel(l zapcore.Level) slog.Level {
	return slog.Level(min(l, zapcore.ErrorLevel)) * (slog.LevelWarn - slog.LevelInfo)
}

// Enabled is zapcore.Core's.
func (c slogCore) Enabled(l zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slogLevel(l))
}

// With is zapcore.Core's.
func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.handler.WithAttrs(attrs(fields))}
}

// Check is zapcore.Core's.
func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write is zapcore.Core's.
func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, e.Caller.PC)
	r.AddAttrs(attrs(fields)...)
	return c.handler.Handle(context.Background(), r)
}

// Sync is zapcore.Core's: handlers write through.
func (c slogCore) Sync() error { return nil }

// attrs keeps the types that this package uses; any other field takes the way
// of zap's own encoder.
func attrs(fields []zapcore.Field) []slog.Attr {
	out := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		switch f.Type {
		case zapcore.StringType:
			out = append(out, slog.String(f.Key, f.String))
		case zapcore.Int64Type:
			out = append(out, slog.Int64(f.Key, f.Integer))
		case zapcore.BoolType:
			out = append(out, slog.Bool(f.Key, f.Integer == 1))
		case zapcore.DurationType:
			out = append(out, slog.Duration(f.Key, time.Duration(f.Integer)))
		default:
			m := zapcore.NewMapObjectEncoder()
			f.AddTo(m)
			for k, v := range m.Fields {
				out = append(out, slog.Any(k, v))
			}
		}
	}
	return out
}
