package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

type tx struct{ q querier }

// Exec implements sqlcat.Tx.
func (t tx) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := t.q.Exec(ctx, statement, args...)
	return tag.RowsAffected(), err
}

// Query implements sqlcat.Tx.
func (t tx) Query(ctx context.Context, statement string, args ...any) (sqlcat.Rows, error) {
	r, err := t.q.Query(ctx, statement, args...)
	return rows{r}, err
}

type rows struct{ pgx.Rows }

// Close implements sqlcat.Rows.
func (r rows) Close() error {
	r.Rows.Close()
	return r.Err()
}

// Bulk implements sqlcat.Tx.
func (t tx) Bulk(ctx context.Context, table string, columns []string, all [][]any) error {
	_, err := t.q.CopyFrom(ctx, pgx.Identifier{schema, table}, columns, pgx.CopyFromRows(all))
	return err
}

// Touch implements sqlcat.Tx.
func (t tx) Touch(ctx context.Context, _ int64, key core.FeatureKey) error {
	_, err := t.q.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, string(key))
	return err
}
