package fallback_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

// A development store reads from production what it does not hold.
func ExampleNew() {
	ctx := context.Background()
	prod := memory.New()
	plan, err := storetest.Graph().Plan(storetest.KeyLabel)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = prod.Write(ctx, core.WriteRequest{Plan: plan, Rows: versions{"cat": "v1"}.rows()}); err != nil {
		fmt.Println(err)
		return
	}
	dev, err := fallback.New(prod).Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := dev.Stat(ctx, core.StatRequest{Key: storetest.KeyLabel})
	fmt.Println(info.Rows, info.Origin, err)
	_, err = dev.Stat(ctx, core.StatRequest{Key: storetest.KeyLabel, Local: true})
	fmt.Println(err)
	// Output:
	// 1 memory <nil>
	// stat label/human: memory: feature not found
}

func ExampleNewWith() {
	staging, archive := memory.New(), memory.New()
	dev, err := compose.New(memory.New(), compose.Named("dev"), compose.With(fallback.NewWith(
		fallback.Leg("staging", staging), fallback.Leg("archive", archive), fallback.OnUnavailable(), fallback.OwnLegs())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dev.Close() }()
	fmt.Print(dev)
	// Output:
	// dev
	// ├─ fallback  fallback  staging, archive, also when unavailable
	// │  ├─ staging
	// │  │  └─ backend  memory
	// │  └─ archive
	// │     └─ backend  memory
	// └─ backend   memory
}

// In an overlay what was written here wins, and the legs supply the rest.
func ExampleOverlay() {
	ctx := context.Background()
	plan, err := storetest.Graph().Plan(storetest.KeyLabel)
	if err != nil {
		fmt.Println(err)
		return
	}
	prod := memory.New()
	dev, err := fallback.NewWith(fallback.Overlay(), fallback.Leg("prod", prod)).Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range []struct {
		store core.Store
		rows  versions
	}{{prod, versions{"cat": "v1", "dog": "v1", "owl": "v1"}}, {dev, versions{"dog": "v2"}}, {dev, versions{"owl": ""}}} {
		if _, err = w.store.Write(ctx, core.WriteRequest{Plan: plan, Rows: w.rows.rows(), Tombstones: w.rows.tombstones()}); err != nil {
			fmt.Println(err)
			return
		}
	}
	rows, err := core.Scan(dev, storetest.KeyLabel).Select(core.DefaultID, core.ColOrigin).Rows(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	lines, err := storetest.Lines(rows)
	for _, line := range lines {
		fmt.Println(line)
	}
	fmt.Println(err)
	// Output:
	// sample_id="cat" metaxy_origin="prod"
	// sample_id="dog" metaxy_origin=""
	// <nil>
}
