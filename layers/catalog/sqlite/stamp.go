package sqlite

import (
	"context"
	"encoding/binary"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// asked is the way to learn of commits that works everywhere: a statement of
// about 12 µs. It tells of other connections only, so the writer's must be
// another than the keeper.
func (d *db) asked(ctx context.Context) (sqlcat.Stamp, error) {
	var s sqlcat.Stamp
	var n int64
	if err := d.keeper.QueryRowContext(ctx, "PRAGMA data_version").Scan(&n); err != nil {
		return s, err
	}
	binary.LittleEndian.PutUint64(s[:], uint64(n)) //nolint:gosec // compared and nothing else
	return s, nil
}

// unlike gives stamps of which no two are equal: whoever compares them looks again.
type unlike struct{ n atomic.Uint64 }

func (u *unlike) next() (s sqlcat.Stamp) {
	binary.LittleEndian.PutUint64(s[:], u.n.Add(1))
	return s
}
