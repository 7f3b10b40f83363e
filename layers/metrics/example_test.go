package metrics_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/metrics"
)

func ExampleNew() {
	ctx := context.Background()
	layer := metrics.New(metrics.NewRegistry(), metrics.Store("dev"))
	store, err := layer.Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = store.Stat(ctx, core.StatRequest{Key: "video/raw"})
	numbers, err := layer.Export(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	stat := numbers.Operations["stat"]
	fmt.Println(stat.Count, "stat,", stat.Failed(), "failed,", stat.Outcomes["not_found"], "not found")
	// Output: 1 stat, 0 failed, 1 not found
}

// A scraper finds the numbers of the stack and of its cache.
func ExampleNewRegistry() {
	registry := metrics.NewRegistry()
	hits := cache.New()
	layer := metrics.New(registry, metrics.Store("dev"), metrics.PerFeature(200),
		metrics.WatchCache("rows", func() metrics.CacheStats { return metrics.CacheStats(hits.Stats()) }))
	fmt.Println(layer.Info().Summary)
	http.NewServeMux().Handle("/metrics", metrics.Handler(registry))
	// Output: store: dev, per feature: 200
}
