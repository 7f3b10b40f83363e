package storetest

import (
	"context"
	"testing"
)

func writeProperties() []property       { return nil }
func readProperties() []property        { return nil }
func resolveProperties() []property     { return nil }
func listProperties() []property        { return nil }
func evolveProperties() []property      { return nil }
func errorProperties() []property       { return nil }
func concurrencyProperties() []property { return nil }
func capabilityProperties() []property  { return nil }
func reopenProperties() []property      { return nil }

func (c Config) crashChild(t *testing.T) bool { return false }

type layerRun struct{ cfg LayerConfig }

func newLayerRun(cfg LayerConfig) *layerRun { return &layerRun{cfg} }
func (l *layerRun) config() Config          { return Config{} }
func layerGroups(l *layerRun) []group       { return nil }

// EnforcingConfig is.
type EnforcingConfig struct{ LayerConfig }

func (c EnforcingConfig) layer() LayerConfig       { return c.LayerConfig }
func (c EnforcingConfig) context() context.Context { return nil }

func enforcingGroups(l *layerRun, c EnforcingConfig) []group { return nil }
