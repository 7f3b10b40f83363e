package storetest

import (
	"context"
)

type layerRun struct{ cfg LayerConfig }

func newLayerRun(cfg LayerConfig) *layerRun { return &layerRun{cfg} }
func (l *layerRun) config() Config          { return Config{} }
func layerGroups(l *layerRun) []group       { return nil }

// EnforcingConfig is.
type EnforcingConfig struct{ LayerConfig }

func (c EnforcingConfig) layer() LayerConfig       { return c.LayerConfig }
func (c EnforcingConfig) context() context.Context { return nil }

func enforcingGroups(l *layerRun, c EnforcingConfig) []group { return nil }
