package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// db is a PostgreSQL database.
type db struct {
	pool      *pgxpool.Pool
	following atomic.Bool
	stop      context.CancelFunc // of the listener
	listener  sync.WaitGroup
}

func open(ctx context.Context, url string, o options) (*db, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: the connection URL: %w", core.ErrInvalid, err) // pgx masks the password
	}
	config.MaxConns = o.connections
	config.ConnConfig.RuntimeParams["search_path"] = schema
	config.ConnConfig.RuntimeParams["application_name"] = "metaxy-catalog"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, classify(err)
	}
	if err := migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, classify(err)
	}
	return &db{pool: pool, stop: func() {}}, nil
}

// Close implements sqlcat.DB.
func (d *db) Close() error {
	d.stop()
	d.listener.Wait()
	d.pool.Close()
	return nil
}

// Copies implements sqlcat.DB.
func (d *db) Copies() sqlcat.Copies { return sqlcat.Copies{Following: d.following.Load} }

// Error implements sqlcat.DB.
func (d *db) Error(err error) error { return classify(err) }

// Read implements sqlcat.DB.
func (d *db) Read() sqlcat.Tx { return tx{d.pool} }

// View implements sqlcat.DB. What was read is a consistent state, however the
// transaction ends.
func (d *db) View(ctx context.Context, f func(sqlcat.Tx) error) error {
	return d.Again(ctx, func() error {
		err := d.within(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
		var commit *commitError
		if errors.As(err, &commit) {
			return nil
		}
		return err
	})
}

// Update implements sqlcat.DB. The lock is the transaction's, not the
// session's: a pool would leak it to the connection's next user.
func (d *db) Update(ctx context.Context, key core.FeatureKey, f func(sqlcat.Tx) error) error {
	return d.Again(ctx, func() error {
		return d.within(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(t sqlcat.Tx) error {
			if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7346218))`, string(key)); err != nil {
				return err
			}
			return f(t)
		})
	})
}

func (d *db) within(ctx context.Context, o pgx.TxOptions, f func(sqlcat.Tx) error) (err error) {
	t, err := d.pool.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		// After a commit it does nothing; a connection that is in the way of a
		// rollback is not used again.
		_ = t.Rollback(context.WithoutCancel(ctx))
	}()
	if err := f(tx{t}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.Commit(ctx); err != nil {
		return &commitError{err}
	}
	return nil
}

// commitError: whether the transaction was committed is not known. Everything
// that the catalog does may be done again, so that is no harm.
type commitError struct{ err error }

func (e *commitError) Error() string { return e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// tries is how often a transaction is run that the server gave up on.
const tries = 8

// Again implements sqlcat.DB: it runs f again when the server ended it for reasons that pass: a
// deadlock, a serialisation failure, a connection that broke.
func (d *db) Again(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == tries || ctx.Err() != nil || !passing(err) {
			return err
		}
		wait := time.Duration(try*try) * (5*time.Millisecond + rand.N(10*time.Millisecond)) //nolint:gosec // spreads load
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}
