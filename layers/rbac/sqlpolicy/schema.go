package sqlpolicy

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

//go:embed schema
var migrations embed.FS

// latest is the version of the schema that this package knows.
const latest = 1

// steps reads the migrations: step i brings a database from version i to i+1.
func (d database) steps() ([]string, error) {
	out := make([]string, latest)
	for i := range out {
		text, err := migrations.ReadFile(fmt.Sprintf("schema/%s_%04d.sql", d, i+1))
		if err != nil {
			return nil, err
		}
		out[i] = string(text)
	}
	return out, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaOf is the version of a database's schema, 0 when it has none. One that
// is newer than this package is an error.
func (d database) schemaOf(ctx context.Context, q querier, known int) (int, error) {
	var there bool
	if err := q.QueryRowContext(ctx, d.stateExists()).Scan(&there); err != nil || !there {
		return 0, err
	}
	have, _, err := state(ctx, q, known)
	return have, err
}

// state reads the schema's version and the number of changes.
func state(ctx context.Context, q querier, known int) (schema int, changes int64, err error) {
	if err := q.QueryRowContext(ctx, "SELECT schema, changes FROM metaxy_policy_state").Scan(&schema, &changes); err != nil {
		return 0, 0, err
	}
	if schema > known {
		return 0, 0, fmt.Errorf("%w: sqlpolicy: the tables have version %d, this program knows %d: use the program that made them",
			core.ErrUnsupported, schema, known)
	}
	return schema, changes, nil
}

// migrate brings a database to the version of the last step, all of it or
// nothing. One that has it is only read.
func (d database) migrate(ctx context.Context, db *sql.DB, steps []string, readOnly bool) error {
	have, err := d.schemaOf(ctx, db, len(steps))
	if err != nil || have == len(steps) {
		return err
	}
	if readOnly {
		return fmt.Errorf("%w: sqlpolicy: the tables have version %d, want %d: open the database once for writing", core.ErrReadOnly, have, len(steps))
	}
	return within(ctx, db, d, migrating, func(tx *sql.Tx) error {
		have, err := d.schemaOf(ctx, tx, len(steps)) // somebody may have been faster
		if err != nil {
			return err
		}
		for _, step := range steps[have:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("UPDATE metaxy_policy_state SET schema = %d", len(steps)))
		return err
	})
}
