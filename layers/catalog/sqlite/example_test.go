package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "catalog")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	c, err := sqlite.Open(ctx, filepath.Join(dir, "catalog.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	// The layer does this after each commit.
	err = c.RegisterMaterialization(ctx, catalog.Materialization{
		Key:    "video/raw",
		Commit: core.Commit{Seq: 1, ID: "job-1", Rows: 3, Time: time.Unix(1_700_000_000, 0)},
	}, catalog.Versions{})
	fmt.Println(err)
	has, err := c.HasFeature(ctx, "video/raw")
	fmt.Println(has == catalog.Yes, err)
	// Output:
	// <nil>
	// true <nil>
}
