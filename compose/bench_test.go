package compose_test

import (
	"context"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

// still is a base that costs nothing, so that what is measured is the stack.
type still struct{ fake }

func (*still) Stat(context.Context, core.StatRequest) (core.Info, error) { return core.Info{}, nil }

// BenchmarkCall measures what a stack adds to a call: without layers, and for
// each layer the guard around it beside the layer's own call.
func BenchmarkCall(b *testing.B) {
	var layers []core.Layer
	for range 8 {
		layers = append(layers, transparent("l", core.PhaseProbe))
	}
	wrapped, err := layers[0].Wrap(&still{})
	for _, l := range layers[1:] {
		if err == nil {
			wrapped, err = l.Wrap(wrapped)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	for name, s := range map[string]core.Store{
		"bare": &still{}, "stack": build(b, &still{}), "layers": wrapped, "guarded": build(b, &still{}, compose.With(layers...)),
	} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			for b.Loop() {
				_ = s.Capabilities()
				if _, err := s.Stat(ctx, core.StatRequest{Key: "k"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
