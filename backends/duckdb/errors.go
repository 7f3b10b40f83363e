//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/core"
)

// failure is the error of a statement: the context's, when that is why it failed.
func failure(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return translate(err)
}

// engineError is what DuckDB said, in the words of the contract.
type engineError struct {
	sentinel error
	text     string
	kind     duckdb.ErrorType
}

func (e *engineError) Error() string { return e.sentinel.Error() + ": " + e.text }
func (e *engineError) Unwrap() error { return e.sentinel }

// holder finds the process in a message about a lock.
var holder = regexp.MustCompile(`Conflicting lock is held in (.+?) \(PID (\d+)\)`)

// translate gives an error of the driver its sentinel. What DuckDB says about values is left out: it may quote them.
func translate(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return &engineError{sentinel: core.ErrUnavailable, text: firstLine(err.Error())}
	}
	is := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(e.Msg, p) {
				return true
			}
		}
		return false
	}
	made := func(sentinel error, text string) error { return &engineError{sentinel, text, e.Type} }
	if m := holder.FindStringSubmatch(e.Msg); m != nil {
		return made(core.ErrUnavailable, fmt.Sprintf("the database is locked by %s (PID %s); close it there, or open it read-only in every process", m[1], m[2]))
	}
	switch {
	case is("read-only mode", "read-only database") && !is("does not exist"):
		return made(core.ErrReadOnly, "the database was opened read-only")
	case is("different configuration"):
		return made(core.ErrConflict, "this process has the database open with other options; use the same ones, or one store")
	case is("not a valid DuckDB database", "is not a DuckDB"):
		return made(core.ErrInvalid, "the file is no DuckDB database")
	case is("read a database file with version"):
		return made(core.ErrUnsupported, "the file was written by a version of DuckDB that this one cannot read")
	case is("Permission denied", "Read-only file system", "Operation not permitted"):
		return made(core.ErrReadOnly, "the place of the database cannot be written: "+firstLine(e.Msg))
	case is("No space left", "File too large", "Disk quota", "Could not write", "failed to offload", "max_temp_directory_size"):
		return made(core.ErrUnavailable, "the disk is full: "+firstLine(e.Msg))
	case is("does not exist", "No such file", "is a directory", "Is a directory", "Not a directory") && e.Type == duckdb.ErrorTypeIO,
		is("Cannot open database"):
		return made(core.ErrInvalid, firstLine(e.Msg))
	case is("orrupt", "checksum"):
		return made(core.ErrIntegrity, firstLine(e.Msg))
	case e.Type == duckdb.ErrorTypeTransaction, is("TransactionContext Error", "Conflict on"):
		return made(core.ErrConflict, "another writer was faster")
	case is("Invalid unicode", "invalid unicode", "Invalid UTF"):
		return made(core.ErrInvalid, "a text is not valid UTF-8")
	}
	switch e.Type { //nolint:exhaustive // the others all mean the same to a caller
	case duckdb.ErrorTypeOutOfMemory:
		return made(core.ErrUnavailable, "the memory limit is too low for this: "+firstLine(e.Msg))
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeFatal, duckdb.ErrorTypeConnection, duckdb.ErrorTypeInterrupt:
		return made(core.ErrUnavailable, firstLine(e.Msg))
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeConstraint,
		duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeInvalidType:
		return made(core.ErrInvalid, "DuckDB refused a value")
	}
	return made(core.ErrIntegrity, "the tables of the database are not as they should be ("+kindOf(e.Msg)+")")
}

// isMissing reports whether a statement failed because there is no such table or schema.
func isMissing(err error) bool {
	var e *engineError
	return errors.As(err, &e) && e.kind == duckdb.ErrorTypeCatalog
}

func isNoTransaction(err error) bool {
	var e *engineError
	return errors.As(err, &e) && (e.kind == duckdb.ErrorTypeTransaction || errors.Is(e, core.ErrConflict))
}

// kindOf is such as "Binder Error".
func kindOf(msg string) string {
	kind, _, _ := strings.Cut(msg, ":")
	return kind
}

func firstLine(msg string) string {
	line, _, _ := strings.Cut(msg, "\n")
	return strings.TrimSpace(line)
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}
