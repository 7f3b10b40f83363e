package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// patience is how long a writer waits for its turn, when its context has no
// earlier end.
const patience = 2 * time.Minute

// db is a SQLite file with one connection for writing and several for reading.
type db struct {
	writer, reader *pool
	keeper         *conn // never used for a transaction: while it is open, so is the log
	stamp          func(context.Context) (sqlcat.Stamp, error)
	release        func()
}

func source(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)", "cell_size_check(1)"}, pragmas...)}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
}

func open(ctx context.Context, path string, o options) (_ *db, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
	}
	if err := local(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if err := recognise(ctx, path); err != nil {
			return nil, classify(err)
		}
	}
	d := &db{release: func() {}}
	defer func() {
		if err != nil {
			err = classify(err)
			_ = d.Close()
		}
	}()
	flush := "synchronous(NORMAL)"
	if o.flush {
		flush = "synchronous(FULL)"
	}
	if d.writer, err = newPool(source(path, "journal_mode(WAL)", flush, "journal_size_limit(67108864)"), 1); err != nil {
		return nil, err
	}
	if err := migrate(ctx, d.writer.DB); err != nil {
		return nil, err
	}
	if d.reader, err = newPool(source(path, "query_only(1)", "cache_size(-16384)"), 0); err != nil {
		return nil, err
	}
	if d.keeper, err = d.reader.get(ctx); err != nil {
		return nil, err
	}
	var mode string
	if err := d.keeper.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return nil, err
	}
	if mode != "wal" {
		return nil, fmt.Errorf("%w: SQLite cannot keep a write-ahead log in this folder", core.ErrUnsupported)
	}
	var n int64
	if err := d.keeper.QueryRowContext(ctx, "SELECT last FROM revision").Scan(&n); err != nil {
		return nil, err
	}
	d.stamp, d.release = d.watch(path)
	return d, nil
}

// Close implements sqlcat.DB. The connections go first, the index that the
// stamp is read from last: closing it takes this process's locks on it away.
func (d *db) Close() error {
	if d.keeper != nil {
		d.reader.put(d.keeper)
	}
	var errs []error
	for _, p := range []*pool{d.reader, d.writer} {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	d.release()
	return errors.Join(errs...)
}

// Copies implements sqlcat.DB.
func (d *db) Copies() sqlcat.Copies { return sqlcat.Copies{Stamp: d.stamp} }

// Error implements sqlcat.DB.
func (d *db) Error(err error) error { return classify(err) }

// Again implements sqlcat.DB: a reader never waits for a writer here.
func (d *db) Again(_ context.Context, f func() error) error { return f() }

// Read implements sqlcat.DB.
func (d *db) Read() sqlcat.Tx { return single{d.reader} }

// View implements sqlcat.DB.
func (d *db) View(ctx context.Context, f func(sqlcat.Tx) error) error {
	return d.reader.within(ctx, "BEGIN", f)
}

// Update implements sqlcat.DB: SQLite has one writer at a time, whatever the
// key. The transaction is a writer's from its start: one that became it later
// could not wait for its turn.
func (d *db) Update(ctx context.Context, _ core.FeatureKey, f func(sqlcat.Tx) error) error {
	for began := time.Now(); ; {
		err := d.writer.within(ctx, "BEGIN IMMEDIATE", f)
		if !busy(err) || ctx.Err() != nil || time.Since(began) > patience {
			return err
		}
	}
}
