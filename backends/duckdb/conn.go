//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/core"
)

// keepIdle is how many connections wait for their next use.
const keepIdle = 8

// pool hands out connections to one database. The database is released when the pool is closed and the last connection is back.
type pool struct {
	connector *duckdb.Connector

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

// conn is a connection for one goroutine at a time.
type conn struct {
	pool  *pool
	dc    driver.Conn
	arrow *duckdb.Arrow
	tx    bool
}

func (p *pool) acquire(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, core.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	dc, err := p.connector.Connect(context.WithoutCancel(ctx))
	if err != nil {
		return nil, translate(err)
	}
	ar, err := duckdb.NewArrowFromConn(dc)
	if err != nil {
		return nil, errors.Join(translate(err), dc.Close())
	}
	return &conn{pool: p, dc: dc, arrow: ar}, nil
}

// release gives the connection back. A transaction that is still open is undone.
func (c *conn) release() {
	broken := c.rollback() != nil
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if broken || p.closed || len(p.idle) >= keepIdle {
		_ = c.dc.Close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.dc.Close())
	}
	p.idle = nil
	return errors.Join(append(errs, p.connector.Close())...)
}

// exec runs statements and gives the number of rows that the last one changed.
func (c *conn) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	res, err := c.dc.(driver.ExecerContext).ExecContext(ctx, sql, named(args))
	if err != nil {
		return 0, failure(ctx, err)
	}
	n, err := res.RowsAffected()
	return n, translate(err)
}

// rows runs a statement with few rows.
func (c *conn) rows(ctx context.Context, sql string, args ...any) (all [][]driver.Value, err error) {
	res, err := c.dc.(driver.QueryerContext).QueryContext(ctx, sql, named(args))
	if err != nil {
		return nil, failure(ctx, err)
	}
	defer func() { err = errors.Join(err, translate(res.Close())) }()
	for {
		row := make([]driver.Value, len(res.Columns()))
		if err := res.Next(row); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, failure(ctx, err)
		}
		all = append(all, row)
	}
}

// query runs a statement whose rows come as Arrow batches of 2048. They are all in memory by then, outside the Go heap.
func (c *conn) query(ctx context.Context, sql string) (array.RecordReader, error) {
	r, err := c.arrow.QueryContext(ctx, sql)
	if err != nil {
		return nil, failure(ctx, err)
	}
	return r, nil
}

// begin opens a transaction. It is not interrupted: a BEGIN that reports so may have opened one, which the next user of the connection
// would find.
func (c *conn) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := c.exec(context.WithoutCancel(ctx), "BEGIN TRANSACTION")
	c.tx = err == nil
	return err
}

// commit ends a transaction all of whose statements succeeded. After a failed one COMMIT would report success and keep nothing.
func (c *conn) commit(ctx context.Context) error {
	// Once begun, a commit is not interrupted: nobody could tell how it ended.
	_, err := c.exec(context.WithoutCancel(ctx), "COMMIT")
	if err == nil {
		c.tx = false
	}
	return err
}

// rollback undoes an open transaction, whatever became of the context.
func (c *conn) rollback() error {
	if !c.tx {
		return nil
	}
	c.tx = false
	_, err := c.exec(context.Background(), "ROLLBACK")
	if err != nil && isNoTransaction(err) {
		return nil // a failed COMMIT has ended it already
	}
	return err
}

func named(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}
