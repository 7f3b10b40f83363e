// Package postgres is a catalog in a PostgreSQL database, shared by many
// machines.
//
// Its tables lie in the schema metaxy_catalog, which Open makes. Registrations
// of one feature wait for each other through an advisory lock that ends with
// the transaction; those of different features do not. Every change is told
// with NOTIFY to all who have the catalog open, so that a copy of a feature
// elsewhere is dropped at once; what a process misses while its listening
// connection is down it never relies on. Only "yes" is ever answered from a
// copy, "no" is asked of the database each time.
package postgres

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// Option sets a choice of Open.
type Option func(*options)

type options struct {
	sqlcat.Options

	connections int32
}

// Keep sets how the versions of features are kept that are registered first
// through this catalog; others stay as they are. Exact when not set.
func Keep(m catalog.Mode) Option { return func(o *options) { o.Mode = m } }

// FilterMemory sets how many bytes of filters stay in memory, 64 MiB when not
// set: 2.25 bytes for each version that is asked about often.
func FilterMemory(bytes int64) Option { return func(o *options) { o.FilterBytes = bytes } }

// Connections bounds how many connections are open at a time beside the one
// that listens: 16 when not set, at least 2. A loop over MaterializedVersions
// holds one, and everything else needs one at a time: where loops ask the
// catalog from within, there must be one more than there are loops at once.
func Connections(most int32) Option { return func(o *options) { o.connections = most } }

// Open opens the catalog in the database of a connection URL
// (postgres://user@host/database) and makes its tables when they are not
// there. A database that a newer program has migrated is refused with
// ErrUnsupported and left as it is; one that cannot be reached is
// ErrUnavailable. Errors never show the URL's password.
func Open(ctx context.Context, url string, opts ...Option) (catalog.Catalog, error) {
	o := options{Options: sqlcat.Options{FilterBytes: 64 << 20}, connections: 16}
	for _, set := range opts {
		set(&o)
	}
	if o.connections < 2 {
		return nil, fmt.Errorf("postgres catalog: %w: %d connections", core.ErrInvalid, o.connections)
	}
	d, err := open(ctx, url, o)
	if err != nil {
		if at := ctx.Err(); at != nil {
			err = at
		}
		return nil, fmt.Errorf("postgres catalog: %w", err)
	}
	c := sqlcat.New("postgres", d, o.Options)
	d.follow(c.Forget)
	return c, nil
}
