package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// numbered writes the places of arguments as SQLite numbers them.
func numbered(statement string) string { return strings.ReplaceAll(statement, "$", "?") }

// tx is a transaction on a connection.
type tx struct{ c *conn }

// Exec implements sqlcat.Tx.
func (t tx) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	r, err := t.c.exec(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query implements sqlcat.Tx.
func (t tx) Query(ctx context.Context, statement string, args ...any) (sqlcat.Rows, error) {
	s, err := t.c.statement(ctx, statement) //nolint:sqlclosecheck // its connection closes it
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...) //nolint:rowserrcheck // the caller looks and closes
}

// Bulk implements sqlcat.Tx.
func (t tx) Bulk(ctx context.Context, table string, columns []string, all [][]any) error {
	places := strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")
	insert := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + places + ")"
	s, err := t.c.statement(ctx, insert) //nolint:sqlclosecheck // its connection closes it
	if err != nil {
		return err
	}
	for _, row := range all {
		if _, err := s.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}

// Touch implements sqlcat.Tx.
func (t tx) Touch(ctx context.Context, feature int64, _ core.FeatureKey) error {
	if _, err := t.Exec(ctx, `UPDATE revision SET last = last + 1`); err != nil {
		return err
	}
	_, err := t.Exec(ctx, `UPDATE feature SET rev = (SELECT last FROM revision) WHERE id = $1`, feature)
	return err
}

// single runs each statement on a connection of its own.
type single struct{ p *pool }

// Exec implements sqlcat.Tx.
func (s single) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	c, err := s.p.get(ctx)
	if err != nil {
		return 0, err
	}
	defer s.p.put(c)
	return tx{c}.Exec(ctx, statement, args...)
}

// Query implements sqlcat.Tx.
func (s single) Query(ctx context.Context, statement string, args ...any) (sqlcat.Rows, error) {
	c, err := s.p.get(ctx)
	if err != nil {
		return nil, err
	}
	t, err := c.statement(ctx, statement) //nolint:sqlclosecheck // its connection closes it
	if err != nil {
		s.p.put(c)
		return nil, err
	}
	r, err := t.QueryContext(ctx, args...) //nolint:rowserrcheck // rows closes it, the caller looks
	if err != nil {
		s.p.put(c)
		return nil, err
	}
	return rows{Rows: r, done: func() { s.p.put(c) }}, nil
}

type rows struct {
	*sql.Rows

	done func()
}

// Close gives the connection back too.
func (r rows) Close() error {
	err := r.Rows.Close()
	r.done()
	return err
}

// Bulk implements sqlcat.Tx.
func (s single) Bulk(ctx context.Context, table string, columns []string, all [][]any) error {
	c, err := s.p.get(ctx)
	if err != nil {
		return err
	}
	defer s.p.put(c)
	return tx{c}.Bulk(ctx, table, columns, all)
}

// Touch implements sqlcat.Tx.
func (s single) Touch(ctx context.Context, feature int64, key core.FeatureKey) error {
	c, err := s.p.get(ctx)
	if err != nil {
		return err
	}
	defer s.p.put(c)
	return tx{c}.Touch(ctx, feature, key)
}
