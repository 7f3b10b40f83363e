//go:build !(linux || darwin || freebsd)

package sqlite

import (
	"context"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

func (d *db) watch(string) (func(context.Context) (sqlcat.Stamp, error), func()) {
	return d.asked, func() {}
}
