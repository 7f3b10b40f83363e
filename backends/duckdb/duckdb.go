// Package duckdb keeps feature metadata in a DuckDB database: one file, no server.
//
//	store, err := duckdb.Open(ctx, "metadata.duckdb", duckdb.MemoryLimit(2<<30))
//
// Each feature is a table of the schema "features" under its own key, with the user's columns under their own names, so that any DuckDB
// client can query it:
//
//	SELECT * FROM features."video/crop" WHERE metaxy_until IS NULL AND NOT metaxy_deleted
//
// Rows are only ever added. What changes is metaxy_until, the commit that superseded a row, which makes the present a plain filter and the
// past another one: metaxy_commit <= n AND (metaxy_until IS NULL OR metaxy_until > n). The commit log and the features' Arrow schemas are
// in the schema "metaxy".
//
// One process may have a file open for writing; others get ErrUnavailable, which names that process. Any number may have it open with
// [ReadOnly]. A second Open of the same path in one process shares the database if the options are the same.
//
// The package needs cgo and the build tag duckdb_arrow. Without them it compiles, and Open says what is missing.
//
//	store.go    the store and its life         conn.go      connections, statements, transactions
//	format.go   the tables of schema metaxy    meta.go      what they say about a feature
//	types.go    how Arrow types are kept       convert*.go  Arrow arrays to what is kept and back; zeros.go: what DuckDB loses
//	write.go    Write: intake.go takes the rows, claim.go begins the transaction, insert.go streams into it, commit.go ends it
//	read.go     Read: statement.go writes the SQL, pages.go runs it in ranges, assembly.go makes batches
//	resolve.go  Resolve: resolve_side.go describes the tables, increment.go and split.go make the answer, sink.go holds it
//	quick.go    a resolve that looks only at what changed since a marker: marker.go, marking.go; marker_record.go makes one
//	evolve.go   Evolve
package duckdb

import (
	"context"

	"github.com/metaxy-go/metaxy/core"
)

const name = "duckdb"

// Open opens the database at a path, and makes it if there is none. The path ":memory:" is a database that ends with the store.
//
// A database of another program, a newer format, or a file that is no database is refused; nothing is written to it.
func Open(ctx context.Context, path string, opts ...Option) (core.Store, error) {
	c := newConfig(opts)
	s, err := open(ctx, path, c)
	if err != nil {
		return nil, &OpenError{Path: path, Err: err}
	}
	return s, nil
}

// OpenError says why a database could not be opened.
type OpenError struct {
	Path string
	Err  error
}

// Error prints as "open metadata.duckdb: unavailable: …".
func (e *OpenError) Error() string { return "open " + e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause, which matches a sentinel of core or a context error.
func (e *OpenError) Unwrap() error { return e.Err }
