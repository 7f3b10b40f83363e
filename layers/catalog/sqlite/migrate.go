package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/metaxy-go/metaxy/core"
)

//go:embed migrations/*.sql
var files embed.FS

// versionTable is goose's own.
const versionTable = "goose_db_version"

func provider(db *sql.DB) (*goose.Provider, error) {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, sub)
}

// recognise looks at a file without changing it: a catalog that this program
// knows, or an error.
func recognise(ctx context.Context, path string) error {
	p, err := newPool(source(path, "query_only(1)"), 1)
	if err != nil {
		return err
	}
	defer p.close()
	var tables, versions int
	if err := p.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN name = ? THEN 1 END) FROM sqlite_master WHERE type = 'table'`, versionTable).Scan(&tables, &versions); err != nil {
		return err
	}
	switch {
	case tables == 0:
		return nil
	case versions == 0:
		return fmt.Errorf("%w: the file is a database, but not a catalog", core.ErrInvalid)
	}
	var there int64
	if err := p.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&there); err != nil {
		return err
	}
	g, err := provider(p.DB)
	if err != nil {
		return err
	}
	sources := g.ListSources()
	if ours := sources[len(sources)-1].Version; there > ours {
		return fmt.Errorf("%w: the catalog's schema is version %d and this program knows up to %d: use a newer program; nothing was changed", core.ErrUnsupported, there, ours)
	}
	return nil
}

// migrate brings the schema up. Processes that open a new file at once may get
// in each other's way: each migration is one transaction, so whoever comes
// second looks again.
func migrate(ctx context.Context, db *sql.DB) error {
	g, err := provider(db)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		pending, err := g.HasPending(ctx)
		if err == nil && pending {
			_, err = g.Up(ctx)
		}
		if err == nil || try == 20 || ctx.Err() != nil || fatal(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
