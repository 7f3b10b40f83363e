package gallery_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	gallery "github.com/metaxy-go/metaxy/examples/testing"
	"github.com/metaxy-go/metaxy/storetest"
)

// A mock of production that is down.
func ExampleNew() {
	prod := storetest.Mock()
	prod.SetFailure(core.OpRead, core.ErrUnavailable)
	dev, err := gallery.Open(memory.New(), prod)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dev.Close()
	_, err = gallery.New(dev, storetest.KeyVideo).Total(context.Background())
	fmt.Println(err)
	// Output: fallback prod: read video/raw: fault: unavailable
}
