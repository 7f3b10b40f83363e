package logging

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
)

// Sample writes, in each interval and of each kind of line, the first lines
// and after those every thereafter-th, none for 0. Warnings and errors, so all
// that failed or was slow, are always written. Without it every line is.
func Sample(interval time.Duration, first, thereafter int) Option {
	return func(o *options) { o.sample = &sampling{interval, first, thereafter} }
}

// Dropped is how many lines Sample left out so far, over all stores.
func (l *Logging) Dropped() int64 { return l.dropped.Load() }

type sampling struct {
	interval          time.Duration
	first, thereafter int
}

func (s *sampling) check() error {
	if s == nil || s.interval > 0 && s.first >= 0 && s.thereafter >= 0 && s.first+s.thereafter > 0 {
		return nil
	}
	return fmt.Errorf("%s: %w: sampling the first %d lines and every %d-th of %s: want a positive interval and lines to write",
		Name, core.ErrInvalid, s.first, s.thereafter, s.interval)
}

func (s *sampling) summary() string {
	text := fmt.Sprintf("sampled: %d", s.first)
	if s.thereafter > 0 {
		text += fmt.Sprintf(" and each %d.", s.thereafter)
	}
	return text + " per " + s.interval.String()
}

// sampledCore sends what needs no attention through a sampler.
type sampledCore struct {
	all, some zapcore.Core
}

var _ zapcore.Core = sampledCore{}

func (s *sampling) core(all zapcore.Core, dropped *atomic.Int64) zapcore.Core {
	some := zapcore.NewSamplerWithOptions(all, s.interval, s.first, s.thereafter, zapcore.SamplerHook(func(_ zapcore.Entry, d zapcore.SamplingDecision) {
		if d&zapcore.LogDropped != 0 {
			dropped.Add(1)
		}
	}))
	return sampledCore{all: all, some: some}
}

// Enabled is zapcore.Core's.
func (c sampledCore) Enabled(l zapcore.Level) bool { return c.all.Enabled(l) }

// With is zapcore.Core's.
func (c sampledCore) With(fields []zapcore.Field) zapcore.Core {
	return sampledCore{all: c.all.With(fields), some: c.some.With(fields)}
}

// Check is zapcore.Core's.
func (c sampledCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level >= zapcore.WarnLevel {
		return c.all.Check(e, ce)
	}
	return c.some.Check(e, ce)
}

// Write is zapcore.Core's.
func (c sampledCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return c.all.Write(e, fields)
}

// Sync is zapcore.Core's.
func (c sampledCore) Sync() error { return c.all.Sync() }
