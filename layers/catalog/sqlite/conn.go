package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// pool hands out connections that keep their prepared statements, which
// database/sql alone does not do within a transaction.
type pool struct {
	*sql.DB

	turn chan struct{} // one token for each connection that may be out, nil: any number

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

type conn struct {
	*sql.Conn

	prepared map[string]*sql.Stmt
}

// idleConnections is how many stay open unused.
const idleConnections = 8

// newPool opens no connection yet; most 0 means that there may be any number.
func newPool(source string, most int) (*pool, error) {
	handle, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	handle.SetMaxIdleConns(0) // those that are kept are kept here
	p := &pool{DB: handle}
	if most > 0 {
		p.turn = make(chan struct{}, most)
	}
	return p, nil
}

func (p *pool) get(ctx context.Context) (*conn, error) {
	if p.turn != nil {
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.Conn(ctx)
	if err != nil {
		p.done()
		return nil, err
	}
	return &conn{Conn: c, prepared: map[string]*sql.Stmt{}}, nil
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < idleConnections
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		_ = c.close()
	}
	p.done()
}

func (p *pool) done() {
	if p.turn != nil {
		<-p.turn
	}
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.Close())...)
}

func (p *pool) close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, p.Close())...)
}

// within runs f between a statement that begins a transaction and its end.
func (p *pool) within(ctx context.Context, begin string, f func(sqlcat.Tx) error) (err error) {
	c, err := p.get(ctx)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			// Whatever became of ctx, and also when f panics.
			if _, e := c.exec(context.WithoutCancel(ctx), "ROLLBACK"); e != nil {
				_ = c.close() // in an unknown state: not to be used again
				p.done()
				return
			}
		}
		p.put(c)
	}()
	// An error here does not say that nothing was begun: when ctx ends, the
	// driver gives its error also for a statement that took effect.
	if _, err := c.exec(ctx, begin); err != nil {
		return err
	}
	if err := f(tx{c}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// A commit is not interrupted: its outcome would be unknown.
	_, err = c.exec(context.WithoutCancel(ctx), "COMMIT")
	ended = err == nil
	return err
}

func (c *conn) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := c.prepared[text]; s != nil {
		return s, nil
	}
	s, err := c.PrepareContext(ctx, numbered(text))
	if err == nil {
		c.prepared[text] = s
	}
	return s, err
}

func (c *conn) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := c.statement(ctx, text) //nolint:sqlclosecheck // its connection closes it
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}
