package core

import (
	"context"
	"iter"
)

// Store is an append-only collection of feature tables.
//
// All methods are safe for concurrent use, never panic on bad input, and stop
// promptly when ctx ends. A method either returns an error before it does
// anything, or takes effect completely. Errors match this package's sentinels
// under [errors.Is].
//
// Nothing that crosses a Store is an active handle: requests and results are
// structs, iterators and a sealed filter tree. A store is never asked for
// another interface, and has no Unwrap, because a capability that a layer does
// not see is one that encryption and access control do not guard.
type Store interface {
	// Write appends the rows as one immutable commit: after a crash all of it
	// is there or none. Repeating a write with the same non-empty ID returns
	// the first commit and appends nothing, so a retry is always safe.
	Write(ctx context.Context, req WriteRequest) (Commit, error)

	// Read returns the rows that match. A missing feature is
	// ErrFeatureNotFound; no matching row is not an error. Denials and bad
	// requests are reported by Read itself, never from inside the iterator.
	Read(ctx context.Context, req ReadRequest) (Rows, error)

	// Resolve compares what a feature should hold, given its upstream, with
	// what it holds. A missing upstream feature is ErrDependency unless the
	// dependency is optional; a feature that holds nothing yet is all new.
	Resolve(ctx context.Context, req ResolveRequest) (Increment, error)

	// List yields the features that hold a commit, in key order; an error
	// comes last.
	List(ctx context.Context, req ListRequest) iter.Seq2[Info, error]

	// Stat describes one feature (schema, generation, commits, rows, bytes)
	// without reading rows. A missing feature is ErrFeatureNotFound.
	Stat(ctx context.Context, req StatRequest) (Info, error)

	// Evolve applies a schema migration; Base is the version that the caller
	// saw, a mismatch is ErrConflict.
	Evolve(ctx context.Context, req EvolveRequest) (Info, error)

	// Capabilities reports what this store does natively: constant, no I/O,
	// the zero value means "no".
	Capabilities() Capabilities

	// Close releases what the store holds. It is idempotent; every other
	// method then reports ErrClosed.
	Close() error
}
