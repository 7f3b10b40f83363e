// Package sqlite is a catalog in one SQLite file, shared by the processes of
// one machine. The driver is Go all through: no C compiler is wanted.
//
// The file is in WAL mode, so readers and one writer at a time get along;
// writers queue. The existence of features is answered from a copy in the
// process, which is renewed when the file's commit counter moved. The versions
// of large features lie in sorted pages with a filter for each million, so
// that a question among ten million versions reads one page.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// Option sets a choice of Open.
type Option func(*options)

type options struct {
	sqlcat.Options

	flush bool
}

// Keep sets how the versions of features are kept that are registered first
// through this catalog; others stay as they are. Exact when not set.
func Keep(m catalog.Mode) Option { return func(o *options) { o.Mode = m } }

// FilterMemory sets how many bytes of filters stay in memory, 64 MiB when not
// set: 2.25 bytes for each version that is asked about often.
func FilterMemory(bytes int64) Option { return func(o *options) { o.FilterBytes = bytes } }

// FlushEach makes every registration wait for the disk. Without it a crash of
// the machine (not of the process) may take the last registrations with it;
// the store's commit log has them still, and Reconcile brings them back.
func FlushEach() Option { return func(o *options) { o.flush = true } }

// Open opens the catalog in a file and makes it when there is none. The folder
// must be there, on a disk of this machine: SQLite's locks do not hold on a
// network file system, and Open refuses the ones that it recognises with
// ErrUnsupported. So it does a file that a newer program has migrated. A damaged
// file is ErrIntegrity: see [Check] and [SetAside]. Another database is ErrInvalid.
func Open(ctx context.Context, path string, opts ...Option) (catalog.Catalog, error) {
	o := options{Options: sqlcat.Options{FilterBytes: 64 << 20}}
	for _, set := range opts {
		set(&o)
	}
	db, err := open(ctx, path, o)
	if err != nil {
		if at := ctx.Err(); at != nil {
			err = at
		}
		return nil, fmt.Errorf("sqlite catalog: %w", err)
	}
	return sqlcat.New("sqlite", db, o.Options), nil
}

// SetAside renames a damaged catalog's files, so that Open makes a new one that
// Rebuild can fill from the store. It says where the old file is now. No
// process may have the catalog open.
func SetAside(path string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.damaged-%d", path, n)
		if _, err := os.Lstat(to); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("sqlite catalog: %w: %w", core.ErrUnavailable, err)
		}
		// The log and its index belong to the old file: beside a new one they
		// would be taken for its own.
		for _, end := range []string{"-wal", "-shm", ""} {
			if err := os.Rename(path+end, to+end); err != nil && (end == "" || !errors.Is(err, fs.ErrNotExist)) {
				return "", fmt.Errorf("sqlite catalog: %w: %s: %w", core.ErrUnavailable, filepath.Base(path+end), errors.Unwrap(err))
			}
		}
		return to, nil
	}
}
