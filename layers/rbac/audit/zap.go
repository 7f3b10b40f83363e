package audit

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Zap writes events to a zap logger, at level info with the message "audit".
// The lines have no chain: whoever can write the log can change them.
type Zap struct{ core zapcore.Core }

var _ rbac.Recorder = (*Zap)(nil)

// NewZap makes a recorder of a logger. A line that the logger's level or sampler
// drops, or that it cannot write, is an error of Record.
func NewZap(logger *zap.Logger) (*Zap, error) {
	if logger == nil || !logger.Core().Enabled(zapcore.InfoLevel) {
		return nil, fmt.Errorf("audit: %w: the trail needs a logger that writes what is of level info", core.ErrInvalid)
	}
	return &Zap{logger.Core()}, nil
}

// Record is rbac.Recorder's.
func (z *Zap) Record(_ context.Context, e rbac.Event) error {
	e = tidy(e)
	entry := zapcore.Entry{Level: zapcore.InfoLevel, Time: e.Time, Message: "audit"}
	if z.core.Check(entry, nil) == nil {
		return fmt.Errorf("audit: %w: the logger drops the line", core.ErrUnavailable)
	}
	// Write gives the error that a CheckedEntry would keep to itself.
	return unavailable(z.core.Write(entry, zapFields(e)))
}

func zapFields(e rbac.Event) []zap.Field {
	op := ""
	if e.Op != 0 {
		op = e.Op.String()
	}
	return []zap.Field{
		zap.String("identity", e.Identity), zap.String("op", op), zap.String("part", e.Part),
		zap.String("feature", string(e.Feature)), zap.Strings("columns", e.Columns), zap.String("filter", e.Filter),
		zap.Int64("rows", e.Rows), zap.String("decision", e.Decision), zap.String("reason", e.Reason),
		zap.String("outcome", e.Outcome), zap.Duration("duration", e.Duration),
	}
}

// Anchor logs the place of a checkpoint; give it to the option [Anchor] to keep
// heads outside the trail's own directory.
func (z *Zap) Anchor(h Head) {
	_ = z.core.Write(zapcore.Entry{Level: zapcore.InfoLevel, Message: "audit checkpoint"},
		[]zap.Field{zap.Int64("seq", h.Seq), zap.Stringer("hash", h.Hash)}) // the next Record fails like this one
}
