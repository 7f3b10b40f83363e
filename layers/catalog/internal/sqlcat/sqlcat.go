// Package sqlcat is the catalog over a database: everything that SQLite's and
// PostgreSQL's have in common. A driver gives it transactions and says what
// changed; the statements are written so that both databases take them.
package sqlcat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// Rows are a statement's rows.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

// Tx runs statements, with $1, $2… as places of arguments.
type Tx interface {
	Exec(ctx context.Context, statement string, args ...any) (changed int64, err error)
	Query(ctx context.Context, statement string, args ...any) (Rows, error)
	// Bulk inserts many rows into a table.
	Bulk(ctx context.Context, table string, columns []string, rows [][]any) error
	// Touch makes every reader's copy of a feature old, once the transaction commits.
	Touch(ctx context.Context, feature int64, key core.FeatureKey) error
}

// DB is a database with the catalog's schema.
type DB interface {
	// View runs f on one consistent state. f may run again after an error that
	// is not one of core's, and never once it has succeeded.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f in a transaction that is alone with the feature. f may run
	// more than once; the last time counts.
	Update(ctx context.Context, key core.FeatureKey, f func(Tx) error) error
	// Read runs each statement by itself.
	Read() Tx
	// Again runs f, and again where it failed for a reason that passes.
	Again(ctx context.Context, f func() error) error
	// Error makes a driver's error one of core's.
	Error(err error) error
	// Copies says how copies of features may be kept.
	Copies() Copies
	Close() error
}

// Copies is a driver's way to tell that a copy is old: one of the two.
type Copies struct {
	// Stamp gives a value that differs after every commit of anybody. The
	// features' column rev then grows with each commit.
	Stamp func(ctx context.Context) (Stamp, error)
	// Following reports whether every change elsewhere is being told through
	// Forget, some moments after it was made.
	Following func() bool
}

// Stamp is compared and nothing else.
type Stamp [48]byte

// Options are the choices that both catalogs have.
type Options struct {
	Mode        catalog.Mode
	FilterBytes int64             // how much memory filters may take
	Step        func(name string) // told of each step of a registration; tests end the process there
}

// Catalog implements [catalog.Catalog].
type Catalog struct {
	name    string
	db      DB
	options Options
	copies  Copies
	states  states
	filters filters

	closed   atomic.Bool
	ctx      context.Context // of work in the background
	cancel   context.CancelFunc
	mu       sync.Mutex // of what follows
	due      map[place]bool
	working  bool
	finished sync.WaitGroup
}

// New makes the catalog over an open database, which Close closes.
func New(name string, db DB, o Options) *Catalog {
	c := &Catalog{name: name, db: db, options: o, copies: db.Copies(), due: map[place]bool{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.states.by = map[core.FeatureKey]*state{}
	c.filters.limit = o.FilterBytes
	return c
}

// Forget drops the copy of a feature, or every copy when the key is "".
func (c *Catalog) Forget(key core.FeatureKey) { c.states.forget(key) }

// Close is Catalog's.
func (c *Catalog) Close() error {
	c.mu.Lock()
	first := !c.closed.Swap(true)
	c.mu.Unlock()
	if !first {
		return nil
	}
	c.cancel()
	c.finished.Wait()
	if err := c.db.Close(); err != nil {
		return fmt.Errorf("%s catalog: %w", c.name, c.db.Error(err))
	}
	return nil
}

func (c *Catalog) check(ctx context.Context) error {
	if c.closed.Load() {
		return core.ErrClosed
	}
	return ctx.Err()
}

// wrap names the catalog and the feature. A context's error stays one, whatever
// the database made of it.
func (c *Catalog) wrap(ctx context.Context, key core.FeatureKey, err error) error {
	if err == nil {
		return nil
	}
	switch at := ctx.Err(); {
	case errors.Is(err, core.ErrClosed):
		return err
	case at != nil && !c.closed.Load():
		err = at
	case c.closed.Load():
		return core.ErrClosed
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
	default:
		if err = c.db.Error(err); !known(err) {
			err = fmt.Errorf("%w: %w", core.ErrUnavailable, err)
		}
	}
	if key == "" {
		return fmt.Errorf("%s catalog: %w", c.name, err)
	}
	return fmt.Errorf("%s catalog: %s: %w", c.name, key, err)
}

func known(err error) bool {
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

func (c *Catalog) step(name string) {
	if c.options.Step != nil {
		c.options.Step(name)
	}
}

// one runs a statement that gives at most one row; found says whether it did.
func one(ctx context.Context, tx Tx, statement string, args []any, into ...any) (found bool, err error) {
	err = each(ctx, tx, statement, args, func(r Rows) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(into...)
	})
	return found, err
}

// each runs f on every row of a statement.
func each(ctx context.Context, tx Tx, statement string, args []any, f func(Rows) error) (err error) {
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func with(args ...any) []any { return args }
