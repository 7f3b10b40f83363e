package sqlpolicy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	sqlite3 "modernc.org/sqlite"

	"github.com/metaxy-go/metaxy/core"
)

// database is a kind of database, and the name of its migrations.
type database string

const (
	sqlite   database = "sqlite"
	postgres database = "postgres"
)

func databaseOf(scheme string) (database, bool) {
	switch scheme {
	case "sqlite":
		return sqlite, true
	case "postgres", "postgresql":
		return postgres, true
	}
	return "", false
}

// pool opens connections as they are needed. Where is a path or a URL.
func (d database) pool(where string, o options) (*sql.DB, error) {
	if d == postgres {
		config, err := pgx.ParseConfig(where)
		if err != nil { // whose text may hold the URL
			return nil, fmt.Errorf("%w: sqlpolicy: a malformed URL", core.ErrInvalid)
		}
		db := stdlib.OpenDB(*config)
		return limited(db), nil
	}
	if !o.readOnly {
		// Who may do what is nobody else's to read or change.
		f, err := os.OpenFile(where, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w: sqlpolicy: %w", core.ErrUnavailable, err)
		}
	}
	// The rollback journal of old, not WAL: a process that may only read the
	// file can then read it.
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(o.timeout.Milliseconds(), 10) + ")", "synchronous(FULL)", "trusted_schema(OFF)",
	}}
	if o.readOnly {
		q.Set("mode", "ro")
	} else {
		q.Set("mode", "rw")
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: where, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("%w: sqlpolicy: %w", core.ErrUnavailable, err)
	}
	return limited(db), nil
}

// limited bounds what a policy takes of a server that serves others too.
func limited(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(4)
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// stateExists asks whether the tables are there. PostgreSQL is asked for a row,
// since to_regclass answers from a cache of the connection that does not yet
// know what somebody else made while this one waited for a lock.
func (d database) stateExists() string {
	if d == postgres {
		return "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE tablename = 'metaxy_policy_state' AND schemaname = ANY (current_schemas(false)))"
	}
	return "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'metaxy_policy_state'"
}

// The keys of the locks that keep two processes from making tables, or
// changing rules, at the same time. SQLite begins such a transaction with one.
const migrating = "SELECT pg_advisory_xact_lock(7308332045813510512)"

// A program that writes the table without asking waits too; readers do not.
const changing = "LOCK TABLE metaxy_policy IN SHARE ROW EXCLUSIVE MODE"

// within runs f in one transaction that begins with a lock.
func within(ctx context.Context, db *sql.DB, d database, lock string, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if d == postgres {
		if _, err := tx.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// places writes n rows of parameters: ($1,$2),($3,$4) or (?,?),(?,?).
func (d database) places(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteString(",")
		}
		b.WriteString(d.place(i + 1))
	}
	return b.String() + ")"
}

// place writes the nth parameter of a statement.
func (d database) place(n int) string {
	if d == postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// fault is what an error of the database is to a caller.
func fault(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	var e *sqlite3.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
			return fmt.Errorf("%w: sqlpolicy: %w", core.ErrIntegrity, err)
		case 8: // SQLITE_READONLY
			return fmt.Errorf("%w: sqlpolicy: %w", core.ErrReadOnly, err)
		}
	}
	return fmt.Errorf("%w: sqlpolicy: %w", core.ErrUnavailable, err)
}
