package postgres_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
)

func ExampleOpen() {
	ctx := context.Background()
	c, err := postgres.Open(ctx, "postgres://metaxy@db.example.com/metaxy", postgres.Keep(catalog.Filter))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for e, err := range c.Features(ctx, catalog.Query{Prefix: "video/", MinRows: 1000}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Key, e.Rows)
	}
}
