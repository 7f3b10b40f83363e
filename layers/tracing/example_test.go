package tracing_test

import (
	"context"
	"fmt"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/tracing"
)

func ExampleNew() {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	store, err := tracing.New(provider, tracing.Store("dev")).Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = store.Stat(context.Background(), core.StatRequest{Key: "video/raw"})
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name)
		for _, a := range s.Attributes {
			fmt.Printf("  %s = %s\n", a.Key, a.Value.String())
		}
	}
	// Output:
	// stat video/raw
	//   db.system.name = metaxy
	//   db.operation.name = stat
	//   db.namespace = dev
	//   db.collection.name = video/raw
	//   metaxy.outcome = not_found
}
