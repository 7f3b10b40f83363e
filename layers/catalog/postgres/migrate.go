package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/metaxy-go/metaxy/core"
)

//go:embed migrations/*.sql
var files embed.FS

// schema holds the catalog's tables and goose's.
const schema = "metaxy_catalog"

// migrate brings the schema up. Programs that open a new database at once wait
// for each other.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	g, err := goose.NewProvider(goose.DialectPostgres, db, sub, goose.WithSessionLocker(locker), goose.WithTableName(schema+".goose_db_version"))
	if err != nil {
		return err
	}
	sources := g.ListSources()
	ours := sources[len(sources)-1].Version
	there, err := version(ctx, pool)
	switch {
	case err != nil:
		return err
	case there == ours:
		return nil
	case there > ours:
		return fmt.Errorf("%w: the catalog's schema is version %d and this program knows up to %d: use a newer program; nothing was changed", core.ErrUnsupported, there, ours)
	}
	if err := makeSchema(ctx, pool); err != nil {
		return err
	}
	_, err = g.Up(ctx)
	return err
}

// version is that of the schema, 0 when there is none.
func version(ctx context.Context, pool *pgxpool.Pool) (v int64, err error) {
	var there bool
	if err := pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, schema+".goose_db_version").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+schema+`.goose_db_version WHERE is_applied`).Scan(&v)
	return v, err
}

// makeSchema makes the namespace. IF NOT EXISTS alone fails when two do it at
// once, hence the lock.
func makeSchema(ctx context.Context, pool *pgxpool.Pool) error {
	t, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock(7346217)`); err != nil {
		return err
	}
	if _, err := t.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+schema); err != nil {
		return err
	}
	return t.Commit(ctx)
}
