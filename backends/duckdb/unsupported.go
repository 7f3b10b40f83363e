//go:build !cgo || !duckdb_arrow

package duckdb

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// open says what this build lacks.
func open(context.Context, string, config) (core.Store, error) {
	return nil, fmt.Errorf("%w: this program was built without DuckDB; build it with cgo (CGO_ENABLED=1 and a C compiler) and the tag: go build -tags duckdb_arrow", core.ErrUnsupported)
}
