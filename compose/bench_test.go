package compose_test

import (
	"context"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// still is a base that costs nothing, so that what is measured is the stack.
type still struct{ fake }

func (*still) Stat(context.Context, core.StatRequest) (core.Info, error) { return core.Info{}, nil }

// BenchmarkCall measures what a stack without layers adds to a call.
func BenchmarkCall(b *testing.B) {
	stack := build(b, &still{})
	for name, s := range map[string]core.Store{"bare": &still{}, "stack": stack} {
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
