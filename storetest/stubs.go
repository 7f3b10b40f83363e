package storetest

import (
	"context"
)

// EnforcingConfig is.
type EnforcingConfig struct{ LayerConfig }

func (c EnforcingConfig) layer() LayerConfig       { return c.LayerConfig }
func (c EnforcingConfig) context() context.Context { return nil }

func enforcingGroups(l *layerRun, c EnforcingConfig) []group { return nil }
