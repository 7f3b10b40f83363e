//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

const inMemory = ":memory:"

type store struct {
	config
	pool *pool
	// blank is a read-only database without our tables: it holds nothing.
	blank bool
	// fleeting is a database in memory, which ends with the store.
	fleeting bool
	paths    paths

	mu    sync.Mutex
	locks map[core.FeatureKey]chan struct{} // one writer a feature
}

var _ core.Store = (*store)(nil)

func open(ctx context.Context, path string, c config) (core.Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dsn, err := c.dsn(path)
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(dsn, nil)
	if err != nil {
		return nil, translate(err)
	}
	s := &store{config: c, pool: &pool{connector: connector}, fleeting: path == inMemory, locks: map[core.FeatureKey]chan struct{}{}}
	if err := s.recognise(ctx); err != nil {
		return nil, errors.Join(err, s.pool.close())
	}
	return s, nil
}

// dsn is the driver's name for a path and its options. The driver reads it as a URL without taking escapes back, hence the refusals.
func (c config) dsn(path string) (string, error) {
	if path == "" {
		return "", invalidf("the path is empty; %q is a database in memory", inMemory)
	}
	if path != inMemory {
		if strings.ContainsAny(path, "?#\x00") {
			return "", invalidf("DuckDB's driver cannot open a path with %q, %q or a zero byte in it", '?', '#')
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", invalidf("path: %w", err)
		}
		if _, err := url.Parse(abs); err != nil {
			return "", invalidf("DuckDB's driver cannot open this path: %w", err)
		}
		path = abs
	} else if c.readOnly {
		return "", invalidf("a database in memory cannot be read-only: it is always new")
	}
	v := url.Values{}
	if c.readOnly {
		v.Set("access_mode", "read_only")
	}
	if c.memory < 0 || c.threads < 0 {
		return "", invalidf("memory limit and threads cannot be negative")
	}
	if c.memory > 0 {
		v.Set("memory_limit", strconv.FormatInt(c.memory, 10)+"B")
	}
	if c.threads > 0 {
		v.Set("threads", strconv.Itoa(c.threads))
	}
	if c.temp != "" {
		v.Set("temp_directory", c.temp)
	}
	if !c.extensions {
		v.Set("autoinstall_known_extensions", "false")
		v.Set("autoload_known_extensions", "false")
	}
	return path + "?" + v.Encode(), nil
}

// check is what every method does before anything else.
func (s *store) check(ctx context.Context, request func() error) error {
	if s.pool.isClosed() {
		return core.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if request != nil {
		return request()
	}
	return nil
}

// with runs f on a connection of its own.
func (s *store) with(ctx context.Context, f func(*conn) error) error {
	c, err := s.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.release()
	return f(c)
}

// lock keeps other writers of this store away from a feature.
func (s *store) lock(ctx context.Context, key core.FeatureKey) (unlock func(), err error) {
	s.mu.Lock()
	l, ok := s.locks[key]
	if !ok {
		l = make(chan struct{}, 1)
		s.locks[key] = l
	}
	s.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// writable reports what keeps the store from writing.
func (s *store) writable() error {
	if s.readOnly {
		return fmt.Errorf("%w: the database was opened read-only", core.ErrReadOnly)
	}
	return nil
}

// Stat describes a feature from what its commits left in the log.
func (s *store) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	var info core.Info
	err := s.check(ctx, req.Check)
	if err == nil {
		err = s.with(ctx, func(c *conn) error {
			m, err := s.load(ctx, c, req.Key)
			if err != nil {
				return err
			}
			info = m.info()
			if req.Commits != 0 {
				info.Log, err = loadLog(ctx, c, req.Key, req.Commits, m.generation)
			}
			return err
		})
	}
	return info, core.WrapError(core.OpStat, req.Key, name, err)
}

// List yields the features as they are when it begins.
func (s *store) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		var all []*meta
		err := s.check(ctx, nil)
		if err == nil {
			err = s.with(ctx, func(c *conn) (err error) {
				all, err = s.loadAll(ctx, c, req.Prefix)
				return err
			})
		}
		for _, m := range all {
			if err = s.check(ctx, nil); err != nil {
				break
			}
			if !yield(m.info(), nil) {
				return
			}
		}
		if err != nil {
			yield(core.Info{}, core.WrapError(core.OpList, "", name, err))
		}
	}
}

// Capabilities reports what happens inside DuckDB.
func (s *store) Capabilities() core.Capabilities {
	return core.Capabilities{
		NativeResolve: true,
		PushFilters:   expr.AllKinds,
		PushColumns:   true,
		TimeTravel:    true,
		Durable:       !s.fleeting,
		Evolve:        core.AddColumn | core.WidenColumn | core.RenameColumn,
	}
}

// Close does not wait for loops over rows that have begun; the file is free when the last of them has ended.
func (s *store) Close() error {
	return core.WrapError(core.OpClose, "", name, translate(s.pool.close()))
}
