package sqlpolicy

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"

	"github.com/metaxy-go/metaxy/core"
)

// handle is an open database. The file of an SQLite database may be replaced by
// another, such as a backup that is put back: it is then opened anew.
type handle struct {
	kind  database
	where string
	o     options

	mu         sync.Mutex
	db         *sql.DB
	file       os.FileInfo
	generation int
	closed     bool
}

func openHandle(ctx context.Context, kind database, where string, o options) (*handle, error) {
	h := &handle{kind: kind, where: where, o: o}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *handle) open(ctx context.Context) error {
	db, err := h.kind.pool(h.where, h.o)
	if err != nil {
		return err
	}
	steps, err := h.kind.steps()
	if err == nil {
		err = h.kind.migrate(ctx, db, steps, h.o.readOnly)
	}
	if err == nil && h.kind == sqlite {
		h.file, err = os.Stat(h.where)
	}
	if err != nil {
		_ = db.Close()
		return fault(err)
	}
	h.db = db
	h.generation++
	return nil
}

// get gives the pool and a number that is another one when the file is.
func (h *handle) get(ctx context.Context) (*sql.DB, int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, 0, fmt.Errorf("%w: sqlpolicy", core.ErrClosed)
	}
	if h.kind == sqlite {
		// An open file that is gone from its folder can still be read: without
		// this look nobody would be told.
		now, err := os.Stat(h.where)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: sqlpolicy: %w", core.ErrUnavailable, err)
		}
		if !os.SameFile(now, h.file) {
			old := h.db
			if err := h.open(ctx); err != nil {
				return nil, 0, err
			}
			_ = old.Close()
		}
	}
	return h.db, h.generation, nil
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	return h.db.Close()
}
