package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// Check reads all of a catalog's file. Damage is ErrIntegrity; a file that is
// not there is ErrUnavailable and is not made.
func Check(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such file")
		}
		return fmt.Errorf("sqlite catalog: %w: %w", core.ErrUnavailable, err)
	}
	opened, err := Open(ctx, path)
	if err != nil {
		return err
	}
	c := opened.(*sqlcat.Catalog) //nolint:forcetypeassert // Open makes no other
	defer func() {
		if e := c.Close(); err == nil {
			err = e
		}
	}()
	if err := pages(ctx, path); err != nil {
		return fmt.Errorf("sqlite catalog: %w", classify(err))
	}
	return c.Examine(ctx)
}

// pages has SQLite look at its own structures.
func pages(ctx context.Context, path string) error {
	p, err := newPool(source(path, "query_only(1)"), 1)
	if err != nil {
		return err
	}
	defer p.close()
	var found string
	if err := p.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", core.ErrIntegrity, found)
	}
	return nil
}
